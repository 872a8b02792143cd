"""Idx files, by any of the names under which they are handed on."""

from __future__ import annotations

import gzip
import math
import re
import zlib
from collections import defaultdict
from pathlib import Path

import numpy as np

from guise.dpaf.data.reading import Reading, Stored
from guise.dpaf.data.splits import ORDER, split_of
from guise.models.counting import counted
from guise.models.errors import InputError
from guise.models.files import printable

_NAME = re.compile(
    r"(?P<set>.*?)[-_.]?(?P<part>train|t10k|test)[-_.]?(?P<kind>images|labels)[-_.]?idx\d[-_.]?\w*(\.gz)?"
)
_DEPTH = 3
_MOST_BYTES = 4 * 2**30
_TYPES = {8: ">u1", 9: ">i1", 11: ">i2", 12: ">i4", 13: ">f4", 14: ">f8"}

Pairs = dict[tuple[str, str], dict[str, Path]]
"""By the set's name and the split: files of images and labels."""


def idx_pairs(folder: Path) -> Pairs:
    """The idx files in a folder and, as torchvision and others put them, in folders below it.

    Args:
        folder: to look in.
    """
    pairs: Pairs = defaultdict(dict)
    for path in sorted(_files(folder, _DEPTH)):
        match = _NAME.fullmatch(path.name.casefold())
        if match:
            split = split_of(match["part"])
            assert split is not None
            pairs[match["set"], split].setdefault(match["kind"], path)
    return pairs


def partner(images: Path) -> Path | None:
    """The file of labels that goes with a file of images; None where the name is not that of an idx file of images.

    Args:
        images: file of the images.

    Raises:
        InputError: there is no such file.
    """
    match = _NAME.fullmatch(images.name.casefold())
    if match is None or match["kind"] != "images":
        return None
    pairs = idx_pairs(images.parent)
    own = pairs.get((match["set"], split_of(match["part"]) or ""), {})
    if "labels" not in own:
        wanted = re.sub("images", "labels", images.name.replace("idx3", "idx1"), flags=re.IGNORECASE)
        raise InputError(f"{printable(images)} has no labels: put {printable(wanted)} next to it")
    return own["labels"]


def choose_pair(pairs: Pairs, folder: Path, split: str) -> tuple[Path, Path]:
    """The files of a split.

    Args:
        pairs: what `idx_pairs` gave, not empty.
        folder: for messages.
        split: "train" or "test".

    Raises:
        InputError: there are several sets, or this split is not there.
    """
    names = sorted({name for name, _ in pairs})
    if len(names) > 1:
        raise InputError(
            f"{printable(folder)} holds the idx files of {', '.join(map(printable, names))}: name the file of images"
        )
    for part in ORDER[split]:
        own = pairs.get((names[0], part), {})
        if len(own) == 2:
            return own["images"], own["labels"]
    word = {"train": "train", "test": "t10k"}[split]
    wanted = f"{word}-images-idx3-ubyte and {word}-labels-idx1-ubyte"
    raise InputError(f"{printable(folder)} holds idx files, but not {wanted}: add them, or name another folder")


def read_idx(images: Path, labels: Path, reading: Reading) -> Stored:
    """An idx pair, gzipped or not.

    Args:
        images: file of the images.
        labels: file of their labels; of QMNIST's table of labels the first column is taken.
        reading: how to read it.

    Raises:
        InputError: a file is missing, damaged, or not what its header says.
    """
    if reading.group_column or reading.group_folders:
        raise InputError(f"idx files such as {printable(images)} do not tell whose image is whose: give an npz")
    pixels, numbers = _idx(images), _idx(labels)
    if pixels.ndim not in (3, 4):
        raise InputError(
            f"{printable(images)} is no idx file of images, it has {counted(pixels.ndim, 'dimension')}: name another"
        )
    notes: tuple[str, ...] = ()
    if numbers.ndim == 2 and "qmnist" in labels.name.casefold():
        numbers = np.ascontiguousarray(numbers[:, 0])
    if "emnist" in images.name.casefold():
        pixels, notes = (
            np.ascontiguousarray(pixels.swapaxes(1, 2)),
            ("EMNIST's files hold images lying: turned upright",),
        )
    layout = f"idx files {printable(images.name)} and {printable(labels.name)}"
    return Stored(pixels, numbers, printable(images.parent), layout, notes=notes)


def _files(folder: Path, depth: int) -> list[Path]:
    """Files that are not hidden, down to a depth."""
    found: list[Path] = []
    try:
        for path in folder.iterdir():
            if path.name.startswith((".", "__MACOSX")):
                continue
            if path.is_dir() and not path.is_symlink():
                found += _files(path, depth - 1) if depth > 1 else []
            elif "idx" in path.name.casefold() and path.is_file():
                found.append(path)
    except OSError as error:
        raise InputError(f"cannot read {printable(folder)}: {error.strerror}; allow reading it") from None
    return found


def _idx(path: Path) -> np.ndarray:
    where = printable(path)
    try:
        with path.open("rb") as raw:
            zipped = raw.read(2) == b"\x1f\x8b"  # by content: names lie
        with gzip.open(path) if zipped else path.open("rb") as file:
            data = file.read(_MOST_BYTES)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"cannot read {where}: {error}; copy it again") from None
    if len(data) < 4 or data[:2] != b"\0\0" or data[2] not in _TYPES or len(data) < 4 + 4 * data[3] or not data[3]:
        raise InputError(f"{where} is no idx file: name another")
    header = 4 + 4 * data[3]
    shape = tuple(int.from_bytes(data[4 + 4 * at : 8 + 4 * at], "big") for at in range(data[3]))
    kind = np.dtype(_TYPES[data[2]])
    given = (len(data) - header) // kind.itemsize
    if given != math.prod(shape):
        raise InputError(f"{where} should hold {math.prod(shape)} values and holds {given}: copy it again")
    return np.frombuffer(data, kind, offset=header).reshape(shape).astype(kind.newbyteorder("="), copy=False)
