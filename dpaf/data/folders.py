"""Folders of images: one subfolder a class, perhaps in folders of splits, perhaps with a folder a person below."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from guise.dpaf.data.decoded import Decoder
from guise.dpaf.data.look import few
from guise.dpaf.data.reading import Reading, Stored
from guise.dpaf.data.splits import ORDER, split_of
from guise.models.counting import counted
from guise.models.errors import GuiseError, InputError
from guise.models.files import is_systems, list_photos, printable, read_photo


def read_images(folder: Path, reading: Reading) -> Stored:
    """Images in one subfolder a class, or in no subfolders at all; all are cut to squares and resized.

    Where there are folders train/, test/ and the like, and no others with images, they are splits. Subfolders without
    an image are named. Hidden files and what systems keep for themselves are passed over.

    Args:
        folder: to look in.
        reading: how to read it.

    Raises:
        InputError: no images, images both inside and outside subfolders, or some that cannot be read: all are named.
    """
    if reading.group_column:
        name = printable(reading.group_column)
        raise InputError(f"a folder of images has no column {name}: say `group_folders=True` for a folder a person")
    chosen, others = _split(folder, reading.split)
    where = printable(chosen)
    try:
        listing = list_photos(chosen)
    except InputError as error:
        raise InputError(str(error).replace("photo", "image").replace("images;", "images:")) from None
    parts = [_told(path, reading, where) for path in listing.photos]
    names = sorted({label for label, _ in parts})
    if "" in names and len(names) > 1:
        raise InputError(f"{where} holds images both in subfolders and outside them: give one folder a class, or none")
    decoder = Decoder(reading.size, where)
    for path, (label, _) in zip(listing.photos, parts, strict=True):
        try:
            decoder.add(read_photo(chosen / path), str(path), label)
        except GuiseError as error:
            decoder.refuse(str(path), error)
    seen = decoder.done()
    notes = [*seen.notes]
    empty = [] if names == [""] else sorted(set(_folders(chosen)) - {path.parts[0] for path in listing.photos})
    if empty:
        notes.append(f"left out: {few([printable(name) for name in empty])} (no image in it)")
    if listing.ignored:
        passed = counted(len(listing.ignored), "file that is no image", "files that are no images")
        notes.append(f"passed over {passed}, such as {listing.ignored[0].name}")
    kind = "images, one class" if names == [""] else "folder, one subfolder a class"
    beside = f" in {printable(chosen.name)}/ (beside {', '.join(map(printable, others))})" if others else ""
    people = " and below it one a person" if reading.group_folders else ""
    return Stored(
        seen.images,
        np.array([names.index(label) for label, _ in parts]),
        where,
        f"{kind}{people}{beside}",
        [name or "image" for name in names],
        seen.digest,
        np.array([person for _, person in parts]) if reading.group_folders else None,
        seen.sizes,
        seen.values,
        seen.colour,
        tuple(notes),
        seen.doubts,
    )


def _told(path: Path, reading: Reading, where: str) -> tuple[str, str]:
    """Class and person of an image, by its folders; "" for what they do not tell."""
    folders = path.parts[:-1]
    if not reading.group_folders or reading.split == "test":
        return (folders[0] if folders else "", "")
    if not folders:
        raise InputError(f"{printable(path)} in {where} lies in no person's folder: give CLASS/PERSON/ or PERSON/")
    return (folders[0], folders[1]) if len(folders) > 1 else ("", folders[0])


def _split(folder: Path, split: str) -> tuple[Path, list[str]]:
    """The folder of a split, and the names of those beside it; the folder itself where there are none."""
    below = {name: kind for name in _folders(folder) if (kind := split_of(name)) is not None and _holds(folder / name)}
    others = [name for name in _folders(folder) if name not in below and _holds(folder / name)]
    if not below and len(others) == 1 and any(split_of(name) == "train" for name in _folders(folder / others[0])):
        return _split(folder / others[0], split)  # a folder around the whole dataset
    if others or not below or ("train" not in below.values() and split == "train"):
        return folder, []  # classes; `class_doubts` sees to their names
    for part in ORDER[split]:
        found = sorted(name for name, kind in below.items() if kind == part)
        if len(found) > 1:
            what = f"{printable(folder)} holds {' and '.join(map(printable, found))}"
            raise InputError(f"{what}: give the one to {split} on")
        if found:
            return folder / found[0], sorted(set(below) - set(found))
    what = f"{printable(folder)} holds {', '.join(map(printable, sorted(below)))} and nothing to {split} with"
    raise InputError(f"{what}: give another folder")


def _folders(folder: Path) -> list[str]:
    try:
        return sorted(path.name for path in folder.iterdir() if path.is_dir() and not is_systems(path.name))
    except OSError as error:
        raise InputError(f"cannot read {printable(folder)}: {error.strerror}; allow reading it") from None


def _holds(folder: Path) -> bool:
    """Whether there is an image somewhere below."""
    try:
        return bool(list_photos(folder).photos)
    except InputError:
        return False
