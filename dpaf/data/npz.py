"""Npz files in the layouts that people have: ours, Keras', MedMNIST's, and arrays without names."""

from __future__ import annotations

import re
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from guise.dpaf.data.dataset import content_digest
from guise.dpaf.data.reading import Reading, Stored
from guise.dpaf.data.splits import ORDER, split_of
from guise.models.errors import InputError, first_line
from guise.models.files import printable

_IMAGES = ("images", "image", "imgs", "img", "x", "data", "pixels", "features")
_LABELS = ("labels", "label", "y", "targets", "target", "lbls")
_NAMES = ("classes", "class_names", "label_names")
_IS_TEST = "is_test"
_WANTED = "give `images`, `labels` if there are classes, and `is_test`"
# RuntimeError: encrypted, or compressed in an unknown way. MemoryError: of a size that the header makes up.
_UNREADABLE = (
    *(OSError, ValueError, TypeError, EOFError, RuntimeError, MemoryError),
    *(zipfile.BadZipFile, zlib.error),
)


@dataclass(frozen=True)
class _Part:
    """Arrays of one split, by name."""

    images: str
    labels: str | None


def read_npz(path: Path, reading: Reading) -> Stored:
    """An npz with arrays of images and of labels, told by their names.

    `images`, `labels` and `is_test`; `x_train`, `y_train`, `x_test`, `y_test` as Keras has them; `train_images`,
    `val_labels` and so on as MedMNIST has them; `X` and `y`, `data` and `target`; `arr_0`, `arr_1` or `arr_0` to
    `arr_3` in Keras' order. `classes` names the classes 0, 1, ...

    Args:
        path: of the npz.
        reading: how to read it.

    Raises:
        InputError: the file cannot be read, or its arrays do not fit.
    """
    where = printable(path)
    try:
        with np.load(path, allow_pickle=False) as archive:
            return _read(archive, path, reading)
    except _UNREADABLE as error:
        raise InputError(f"cannot read {where}: {first_line(error)}; give an npz of plain arrays") from None


def _read(archive: np.lib.npyio.NpzFile, path: Path, reading: Reading) -> Stored:
    where, groups = printable(path), reading.group_column
    if reading.group_folders:
        raise InputError(f"{where} holds no folders: name its array of people with `group_column=`")
    names = [name for name in archive.files if name != groups]
    if groups is not None and reading.split == "train" and len(names) == len(archive.files):
        raise InputError(f"{where} holds no {printable(groups)}: it holds {', '.join(map(printable, names))}")
    parts = _parts(names, where)
    class_names = next((archive[name] for name in names if name.casefold() in _NAMES), None)
    texts = None if class_names is None else [str(name) for name in class_names.reshape(-1)]
    told = ", ".join(map(printable, names))
    if "all" not in parts:
        part = next((parts[name] for name in ORDER[reading.split] if name in parts), None)
        if part is None:
            raise InputError(f"{where} holds {told}, and nothing to {reading.split} with: {_WANTED}")
        images, labels = archive[part.images], None if part.labels is None else archive[part.labels]
        layout = f"npz, arrays {part.images}{'' if part.labels is None else f' and {part.labels}'} of {told}"
        people = _people(archive, groups, reading, len(images), where)
        return Stored(images, labels, where, layout, _or_one(texts, labels), None, people)
    part = parts["all"]
    images, labels = archive[part.images], None if part.labels is None else archive[part.labels]
    count = len(images)
    test = archive[_IS_TEST].astype(bool) if _IS_TEST in names else np.full(count, reading.split == "test")
    if test.shape != (count,):
        raise InputError(f"is_test in {where} has shape {test.shape}: give one value an image")
    if labels is not None and len(labels) != count:
        what = f"{count} images and labels of shape {labels.shape}"
        raise InputError(f"{where} holds {what}: give one label an image")
    digest = content_digest(images, *([] if labels is None else [labels]))
    chosen = test if reading.split == "test" else ~test
    people = _people(archive, groups, reading, count, where)
    return Stored(
        images[chosen],
        None if labels is None else labels[chosen],
        where,
        f"npz, arrays {told}",
        _or_one(texts, labels),
        digest,
        None if people is None else people[chosen],
    )


def _or_one(names: list[str] | None, labels: np.ndarray | None) -> list[str] | None:
    """Without labels there is one class, called as in a folder without subfolders."""
    return ["image"] if labels is None else names


def _people(
    archive: np.lib.npyio.NpzFile, column: str | None, reading: Reading, count: int, where: str
) -> np.ndarray | None:
    if column is None or column not in archive.files or reading.split == "test":
        return None
    people = archive[column]
    if len(people) != count:
        raise InputError(f"{printable(column)} in {where} has shape {people.shape}: name a person for each image")
    return np.asarray(people)


def _parts(names: list[str], where: str) -> dict[str, _Part]:
    """What each array is, by split; "all" where one array holds all of them."""
    numbered = [f"arr_{place}" for place in range(len(names))]
    if sorted(names) == sorted(numbered) and names:
        if len(names) == 4:
            return {"train": _Part("arr_0", "arr_1"), "test": _Part("arr_2", "arr_3")}
        if len(names) <= 2:
            return {"all": _Part("arr_0", "arr_1" if len(names) == 2 else None)}
    images: dict[str, str] = {}
    labels: dict[str, str] = {}
    for name in names:
        if name == _IS_TEST or name.casefold() in _NAMES:
            continue
        kind, split = _told(name)
        known = {"images": images, "labels": labels}.get(kind)
        if known is None or split in known:
            raise InputError(f"{where} holds {', '.join(map(printable, names))}: {_WANTED}")
        known[split] = name
    mixed = "all" in images and len(images) > 1
    if not images or mixed or set(labels) - set(images) or (labels and set(images) - set(labels)):
        raise InputError(f"{where} holds {', '.join(map(printable, names)) or 'nothing'}: {_WANTED}")
    return {split: _Part(name, labels.get(split)) for split, name in images.items()}


def _told(name: str) -> tuple[str, str]:
    """Kind and split of an array by its name: `x_train`, `train_images`, `X`, `trainLabels`."""
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).casefold()
    tokens = [token for token in re.split(r"[_\-. ]+", words) if token]
    splits = [split for token in tokens if (split := split_of(token))]
    rest = [token for token in tokens if not split_of(token)]
    kind = ""
    if len(splits) <= 1 and len(rest) <= 1:
        word = rest[0] if rest else ""
        kind = "images" if word in _IMAGES else "labels" if word in _LABELS else ""
    return kind, splits[0] if splits else "all"
