"""Datasets in files: idx pairs, npz, folders of images."""

from __future__ import annotations

import gzip
import hashlib
import math
import zipfile
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from guise.dpaf.data.dataset import SIZES, ImageDataset, content_digest, dataset_from_arrays, nearest_size
from guise.models.errors import GuiseError, InputError, first_line
from guise.models.files import list_photos, printable, read_photo

_IDX_PARTS = {"train": "train", "test": "t10k"}
_MOST_BYTES = 4 * 2**30
# RuntimeError: encrypted, or compressed in an unknown way. MemoryError: of a size that the header makes up.
_UNREADABLE = (
    *(OSError, ValueError, TypeError, EOFError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error),
)


def idx_folder(folder: Path, split: str) -> tuple[Path, Path] | None:
    """The idx pair of a split in a folder, named as MNIST's files are; None where it holds no idx files.

    Args:
        folder: to look in.
        split: "train" or "test".

    Raises:
        InputError: it holds others than these.
    """
    part = _IDX_PARTS[split]
    for suffix in (".gz", ""):
        pair = folder / f"{part}-images-idx3-ubyte{suffix}", folder / f"{part}-labels-idx1-ubyte{suffix}"
        if all(path.is_file() for path in pair):
            return pair
    if any(folder.glob("*-idx[13]-ubyte*")):
        wanted = f"{part}-images-idx3-ubyte and {part}-labels-idx1-ubyte"
        raise InputError(f"{printable(folder)} holds idx files, but not {wanted}: add them, or name another folder")
    return None


def read_idx(images: Path, labels: Path, *, size: int | None, split: str) -> ImageDataset:
    """An idx pair, gzipped or not.

    Args:
        images: file of the images.
        labels: file of their labels.
        size: side of the images, one of `SIZES`; None takes the nearest.
        split: "train" or "test".

    Raises:
        InputError: a file is missing, damaged, or not what its header says.
    """
    values = _idx(images, 3), _idx(labels, 1)
    return dataset_from_arrays(
        *values, size=size, where=printable(images.parent), digest=content_digest(*values), split=split
    )


def read_npz(path: Path, *, size: int | None, split: str) -> ImageDataset:
    """An npz with `images` and, unless there is one class only, `labels`; `is_test` tells the splits apart if present.

    Args:
        path: of the npz.
        size: side of the images, one of `SIZES`; None takes the nearest.
        split: "train" or "test".

    Raises:
        InputError: the file cannot be read, or its arrays do not fit.
    """
    where = printable(path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            if "images" not in archive or set(archive.files) - {"images", "labels", "is_test"}:
                arrays = ", ".join(map(printable, archive.files)) or "nothing"
                raise InputError(f"{where} holds {arrays}: give `images`, `labels` if there are classes, and `is_test`")
            images = archive["images"]
            labels = archive.get("labels")
            test = archive["is_test"].astype(bool) if "is_test" in archive else np.full(len(images), split == "test")
            count = len(images)
    except _UNREADABLE as error:
        reason = first_line(error)
        raise InputError(f"cannot read {where}: {reason}; give an npz of plain arrays") from None
    if test.shape != (count,):
        raise InputError(f"is_test in {where} has shape {test.shape}: give one value an image")
    if labels is not None and labels.shape != (len(images),):
        raise InputError(
            f"{where} holds {len(images)} images and labels of shape {labels.shape}: give one label an image"
        )
    chosen = test if split == "test" else ~test
    parts = images[chosen], None if labels is None else labels[chosen]
    digest = content_digest(images, *([] if labels is None else [labels]))
    classes = ("image",) if labels is None else None  # as a folder without subfolders
    return dataset_from_arrays(*parts, size=size, where=where, digest=digest, split=split, classes=classes)


def read_images(folder: Path, *, size: int | None, split: str) -> ImageDataset:
    """Images in one subfolder a class, or in no subfolders at all; all are cropped to a square and resized.

    Colour unless all have a single channel; transparent pixels are shown on black.

    Args:
        folder: to look in.
        size: side of the images, one of `SIZES`; None takes the one that is nearest to the first image's.
        split: "train" or "test".

    Raises:
        InputError: no images, images both inside and outside subfolders, or one that cannot be read.
    """
    listing = list_photos(folder)
    names = sorted({path.parts[0] if len(path.parts) > 1 else "" for path in listing.photos})
    if "" in names and len(names) > 1:
        raise InputError(
            f"{printable(folder)} holds images both in subfolders and outside them: give one folder a class, or none"
        )
    if size not in (None, *SIZES):
        raise InputError(f"size {size} is not supported: choose one of {', '.join(map(str, SIZES))}")
    side = size
    pixels, labels, hashes, grey = [], [], [], True
    for path in listing.photos:
        try:
            photo = read_photo(folder / path)
        except GuiseError as error:
            raise InputError(f"{error}; or take it out of the dataset") from None
        side = side or nearest_size(min(photo.pixels.shape[:2]))
        pixels.append(_square(photo.pixels, side))
        label = names.index(path.parts[0] if len(path.parts) > 1 else "")
        labels.append(label)
        hashes.append(f"{photo.sha256} {names[label]}")
        grey = grey and photo.single_channel
    images = np.stack(pixels)[..., :1] if grey else np.stack(pixels)
    digest = hashlib.sha256("\n".join(sorted(hashes)).encode()).digest()
    classes, where = tuple(name or "image" for name in names), printable(folder)
    return dataset_from_arrays(
        images, np.array(labels), size=side, where=where, digest=digest, split=split, classes=classes
    )


def _square(pixels: np.ndarray, side: int) -> np.ndarray:
    least = min(pixels.shape[:2])
    top, left = (pixels.shape[0] - least) // 2, (pixels.shape[1] - least) // 2
    image = Image.fromarray(pixels[top : top + least, left : left + least])
    return np.asarray(image.resize((side, side), Image.Resampling.LANCZOS))


def _idx(path: Path, dimensions: int) -> np.ndarray:
    where = printable(path)
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as file:
            data = file.read(_MOST_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"cannot read {where}: {error}; copy it again") from None
    header = 4 + 4 * dimensions
    if len(data) < header or data[:4] != bytes([0, 0, 8, dimensions]):
        raise InputError(f"{where} is no idx file of {dimensions}-dimensional bytes: name another")
    shape = tuple(int.from_bytes(data[4 + 4 * at : 8 + 4 * at], "big") for at in range(dimensions))
    if len(data) - header != math.prod(shape):
        raise InputError(f"{where} should hold {math.prod(shape)} values and holds {len(data) - header}: copy it again")
    return np.frombuffer(data, np.uint8, offset=header).reshape(shape)
