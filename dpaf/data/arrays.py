"""Arrays as a dataset: checked, looked at, and brought to one size."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from guise.dpaf.data.dataset import SIZES, ImageDataset, content_digest, nearest_size
from guise.dpaf.data.labels import Labels, numbered
from guise.dpaf.data.look import Look, few
from guise.dpaf.data.pixels import as_bytes
from guise.dpaf.data.reading import Stored
from guise.dpaf.data.splits import split_of
from guise.models.counting import counted
from guise.models.errors import InputError
from guise.models.files import printable


def dataset_from_arrays(
    images: np.ndarray,
    labels: np.ndarray | None,
    *,
    size: int | None = None,
    where: str = "the arrays",
    digest: bytes | None = None,
    split: str = "train",
    classes: tuple[str, ...] | None = None,
    people: np.ndarray | None = None,
) -> ImageDataset:
    """A dataset of arrays, which are checked and brought to one size.

    Args:
        images: (N, H, W), (N, H, W, 1 or 3) or (N, 1 or 3, H, W), of integers 0 ... 255, of 16 bits, or of floats in
            [0, 1].
        labels: (N,) or (N, 1) whole numbers, texts or truth values, or (N, C) with one 1 a row; None for one class.
            Classes are numbered from 0 in the order of their values and keep their values as names.
        size: side of the square images; None takes the nearest that is supported.
        where: the source's name, for messages.
        digest: of the source; None computes it from `images` and `labels`.
        split: a training set needs two images of each class.
        classes: names of the labels 0, 1, ...; None takes their values.
        people: (N,), whose image each is, as numbers or texts; None where that is not known.

    Raises:
        InputError: shapes, values or labels do not fit; nothing is guessed.
    """
    stored = Stored(images, labels, where, "arrays", classes, digest, people)
    return dataset_of(stored, size=size, split=split)


def dataset_of(stored: Stored, *, size: int | None, split: str) -> ImageDataset:
    """What a reader found, as a dataset with a look at it.

    Args:
        stored: as it was found.
        size: side of the images, one of `SIZES`; None takes the nearest.
        split: a training set needs two images of each class.

    Raises:
        InputError: shapes, values or labels do not fit.
    """
    images, where, notes, doubts = stored.images, stored.where, [*stored.notes], [*stored.doubts]
    count = len(images) if images.ndim else 0
    labels = None
    if stored.labels is not None and count:
        labels = numbered(stored.labels, count, where, names=stored.names)
    images, turned = _channels_last(images, where)
    if not count:
        raise InputError(f"{where} holds no image: name another")
    if split == "train" and count < 2:
        raise InputError(f"{where} holds {counted(count, 'image')}: private training needs many, hundreds at the least")
    pixels = as_bytes(images, where)
    notes += [turned] if turned else []
    doubts += [pixels.doubt] if pixels.doubt and not stored.values else []
    if labels is None:
        labels = Labels(np.zeros(count, np.int64), tuple(stored.names or ("0",))[:1], "")
    counts = np.bincount(labels.numbers, minlength=len(labels.names))
    if split == "train" and counts.min() < 2:
        which = int(counts.argmin())
        name = printable(labels.names[which])
        few_images = counted(int(counts[which]), "image")
        raise InputError(f"class {name} in {where} has {few_images}: add some, or leave the class out")
    if labels.empty:
        notes.append(f"left out: {few([printable(name) for name in labels.empty])} (no image)")
    doubts += class_doubts(labels.names, where)
    chosen = size or nearest_size(min(images.shape[1:3]))
    if chosen not in SIZES:
        raise InputError(f"size {chosen} is not supported: choose one of {', '.join(map(str, SIZES))}")
    channels = counted(images.shape[3], "channel")
    kind = "grey" if images.shape[3] == 1 else "colour"
    look = Look(
        layout=stored.layout,
        sizes=stored.sizes or f"{images.shape[1]}x{images.shape[2]}",
        colour=f"{kind} ({stored.colour or f'the arrays have {channels}'})",
        values=stored.values or pixels.values,
        counts=tuple(zip(labels.names, map(int, counts), strict=True)),
        renumbered=labels.renumbered,
        notes=tuple(notes),
        doubts=tuple(doubts),
    )
    digest = stored.digest
    if digest is None:
        digest = content_digest(stored.images, *([] if stored.labels is None else [stored.labels]))
    tensor = torch.from_numpy(np.ascontiguousarray(pixels.images.transpose(0, 3, 1, 2)))
    return ImageDataset(
        _resized(tensor, chosen),
        torch.from_numpy(labels.numbers),
        labels.names,
        digest,
        people=None if stored.people is None else _people(stored.people, count, where),
        look=look,
    )


def class_doubts(names: tuple[str, ...], where: str) -> list[str]:
    """What is odd about the names of classes: those of splits.

    Args:
        names: of the classes.
        where: the source's name.
    """
    odd = [printable(name) for name in names if split_of(name) in ("train", "test")]
    if not odd:
        return []
    called = f"classes of {where} are called {' and '.join(odd)}, as parts of a dataset are"
    return [f"{called}: give the part to train on, with a class in each of its folders"]


def _channels_last(images: np.ndarray, where: str) -> tuple[np.ndarray, str]:
    """(N, H, W, channels), and what was turned for it."""
    shape, turned = images.shape, ""
    if images.ndim == 4 and shape[-1] not in (1, 3) and shape[1] in (1, 3):
        images, turned = images.transpose(0, 2, 3, 1), f"channels stood first: {shape}"
    elif images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or images.shape[-1] not in (1, 3):
        raise InputError(f"images in {where} have shape {shape}: give (N, H, W), (N, H, W, 1) or (N, H, W, 3)")
    if min(images.shape[1:3]) < 1:
        raise InputError(f"images in {where} have shape {shape}: there is nothing on them")
    return images, turned


def _people(people: np.ndarray, count: int, where: str) -> Tensor:
    """Numbers from 0 in the place of what names people."""
    people = people[:, 0] if people.shape == (count, 1) else people
    if people.shape != (count,):
        raise InputError(f"{where} holds {count} images and people of shape {people.shape}: name one for each image")
    if people.dtype.kind not in "biuUS":
        raise InputError(f"people in {where} are {people.dtype}: name them by whole numbers or texts, without gaps")
    _, numbers = np.unique(people, return_inverse=True)
    return torch.from_numpy(numbers.reshape(-1).astype(np.int64))


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
