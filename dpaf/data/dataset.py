"""Images with labels, in memory, as training and evaluation take them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from guise.models.errors import InputError
from guise.models.files import printable

SIZES = (28, 32, 64, 128)


@dataclass(frozen=True)
class ImageDataset:
    """Images with labels. A private one may leave its owner's machine through charged releases only.

    Attributes:
        images: uint8 (N, channels, size, size).
        labels: int64 (N,), in 0 ... len(classes) - 1.
        classes: their names, public.
        digest: SHA-256 of the source before any resizing, by which budgets know the dataset: `load` and
            `dataset_from_arrays` compute it. Set it by hand only if it belongs to these images. Never publish it: it
            tells whether these images were used.
    """

    images: Tensor
    labels: Tensor
    classes: tuple[str, ...]
    digest: bytes

    def __len__(self) -> int:
        return len(self.images)

    @property
    def channels(self) -> int:
        """1 for grey images, 3 for colour."""
        return int(self.images.shape[1])

    @property
    def size(self) -> int:
        """Height and width of the images."""
        return int(self.images.shape[2])

    def checksum(self) -> bytes:
        """SHA-256 of the images and labels as they are now, whatever `digest` says."""
        return content_digest(self.images.numpy(), self.labels.numpy())

    def labelled_as(self, classes: tuple[str, ...], *, where: str) -> ImageDataset:
        """The same images with labels that count in `classes`.

        Args:
            classes: names of classes.
            where: the source's name, for messages.

        Raises:
            InputError: the images show a class that is not among `classes`.
        """
        strange = [name for name in self.classes if name not in classes]
        if strange:
            known = ", ".join(map(printable, classes))
            raise InputError(f"{printable(where)} shows class {printable(strange[0])}, and the run knows {known}")
        places = torch.tensor([classes.index(name) for name in self.classes])
        return replace(self, labels=places[self.labels], classes=classes)

    def scaled(self, rows: Tensor | slice) -> Tensor:
        """Some images as float32 in [-1, 1].

        Args:
            rows: which ones.
        """
        return scaled(self.images[rows])


def scaled(images: Tensor) -> Tensor:
    """Bytes as float32 in [-1, 1].

    Args:
        images: uint8, of any shape.
    """
    return images.float().div(127.5).sub(1)


def dataset_from_arrays(
    images: np.ndarray,
    labels: np.ndarray | None,
    *,
    size: int | None = None,
    where: str = "the arrays",
    digest: bytes | None = None,
    split: str = "train",
    classes: tuple[str, ...] | None = None,
) -> ImageDataset:
    """A dataset of arrays, which are checked and brought to one size.

    Args:
        images: (N, H, W) or (N, H, W, 1 | 3), of integers 0 ... 255 or of floats in [0, 1].
        labels: (N,) whole numbers from 0, or None for one class.
        size: side of the square images; None takes the nearest that is supported.
        where: the source's name, for messages.
        digest: of the source; None computes it from `images` and `labels`.
        split: a training set needs two images of each class.
        classes: names of the labels; None takes their numbers.

    Raises:
        InputError: shapes, values or labels do not fit; nothing is guessed.
    """
    if images.ndim != 3 and (images.ndim != 4 or images.shape[-1] not in (1, 3)):
        raise InputError(f"images in {where} have shape {images.shape}: give (N, H, W), (N, H, W, 1) or (N, H, W, 3)")
    if min(images.shape[1:3]) < 1:
        raise InputError(f"images in {where} have shape {images.shape}: there is nothing on them")
    if not len(images):
        raise InputError(f"{where} holds no image: name another")
    if split == "train" and len(images) < 2:
        raise InputError(f"{where} holds {len(images)} image(s): private training needs many, hundreds at the least")
    pixels = _as_bytes(images if images.ndim == 4 else images[..., None], where)
    numbers = np.zeros(len(images), np.int64) if labels is None else _as_labels(labels, len(images), where, split)
    if digest is None:
        digest = content_digest(images, *([] if labels is None else [labels]))
    counts = np.bincount(numbers)
    names = classes or tuple(map(str, range(len(counts))))
    if split == "train" and counts.min() < 2:
        which = int(counts.argmin())
        name = printable(names[which])
        raise InputError(f"class {name} in {where} has {counts[which]} image(s): add some, or leave the class out")
    chosen = size or nearest_size(min(images.shape[1:3]))
    if chosen not in SIZES:
        raise InputError(f"size {chosen} is not supported: choose one of {', '.join(map(str, SIZES))}")
    tensor = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
    return ImageDataset(_resized(tensor, chosen), torch.from_numpy(numbers), names, digest)


def nearest_size(side: int) -> int:
    """The supported side that is nearest to another; of two the smaller.

    Args:
        side: the other, in pixels.
    """
    return min(SIZES, key=lambda size: (abs(size - side), size))


def content_digest(*arrays: np.ndarray) -> bytes:
    """SHA-256 over arrays, shapes included. The integer type in which numbers are kept does not matter.

    Args:
        arrays: of any shapes.
    """
    digest = hashlib.sha256()
    for array in arrays:
        if np.issubdtype(array.dtype, np.integer):
            small = not array.size or (array.min() >= 0 and array.max() <= 255)
            array = array.astype(np.uint8 if small else np.int64, copy=False)
        digest.update(f"{array.shape} {array.dtype}".encode())
        if array.dtype.kind in "uif":
            digest.update(np.ascontiguousarray(array).data)  # without a copy
        else:
            digest.update(array.tobytes())
    return digest.digest()


def _as_bytes(images: np.ndarray, where: str) -> np.ndarray:
    if np.issubdtype(images.dtype, np.floating):
        if not np.isfinite(images).all():
            bad = int((~np.isfinite(images)).reshape(len(images), -1).any(1).argmax())
            raise InputError(f"image {bad} in {where} holds NaN or infinity: repair or remove it")
        if images.min() < 0 or images.max() > 1:
            values = f"{images.min():g} to {images.max():g}"
            raise InputError(f"images in {where} go from {values}: give floats in [0, 1] or integers 0 to 255")
        scaled: np.ndarray = np.rint(images * 255).astype(np.uint8)
        return scaled
    if not np.issubdtype(images.dtype, np.integer) or images.min() < 0 or images.max() > 255:
        raise InputError(f"images in {where} are {images.dtype}: give floats in [0, 1] or integers 0 to 255")
    return images.astype(np.uint8)


def _as_labels(labels: np.ndarray, count: int, where: str, split: str) -> np.ndarray:
    if labels.shape != (count,):
        raise InputError(f"{where} holds {count} images and labels of shape {labels.shape}: give one label an image")
    whole = np.issubdtype(labels.dtype, np.integer)
    if not whole or labels.min() < 0 or labels.max() >= (min(count, 1000) if split == "train" else 1000):
        values = f"{labels.min()} to {labels.max()}" if whole else str(labels.dtype)
        raise InputError(f"labels in {where} are {values}: give whole numbers from 0, fewer than 1000 classes")
    return labels.astype(np.int64)


def _resized(images: Tensor, size: int) -> Tensor:
    side = min(images.shape[2:])
    top, left = (images.shape[2] - side) // 2, (images.shape[3] - side) // 2
    square = images[:, :, top : top + side, left : left + side]
    if side == size:
        return square.contiguous()
    parts = [
        torch.nn.functional.interpolate(
            part.float(), (size, size), mode="bilinear", antialias=True, align_corners=False
        )
        for part in square.split(1000)
    ]
    return torch.cat([part.round().clamp(0, 255).byte() for part in parts])
