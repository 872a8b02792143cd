"""Labels of any usual kind as numbers from 0, with the names that they had."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from guise.dpaf.data.look import few
from guise.models.errors import InputError

MOST_CLASSES = 1000


@dataclass(frozen=True)
class Labels:
    """Labels as numbers.

    Attributes:
        numbers: int64 (N,), in 0 ... len(names) - 1; each number occurs.
        names: of the classes, in the order of their numbers.
        renumbered: which label became which number; "" where they were 0, 1, ... already.
        empty: names that were given and that no label has.
    """

    numbers: np.ndarray
    names: tuple[str, ...]
    renumbered: str
    empty: tuple[str, ...] = ()


def numbered(labels: np.ndarray, count: int, where: str, *, names: Sequence[str] | None = None) -> Labels:
    """Number labels from 0 without gaps, in the order of their values.

    Args:
        labels: (N,) or (N, 1) of whole numbers from 0, texts or truth values; or (N, C) with one 1 a row.
        count: N, the number of images.
        where: the source's name, for messages.
        names: of the classes 0, 1, ... where the source has them.

    Raises:
        InputError: there is not one such label for each image, or there are too many classes.
    """
    values = _flat(labels, count, where)
    if values.dtype.kind == "f" and np.isfinite(values).all() and (values == np.rint(values)).all():
        values = values.astype(np.int64)
    if values.dtype.kind == "S":
        values = np.char.decode(values, "utf-8", "replace")
    if values.dtype.kind not in "biuU":
        low, high = (values.min(), values.max()) if values.dtype.kind == "f" else ("", "")
        shown = f" from {low:g} to {high:g}" if values.dtype.kind == "f" else ""
        raise InputError(f"labels in {where} are {values.dtype}{shown}: give whole numbers or texts")
    if values.dtype.kind == "i" and values.min() < 0:
        raise InputError(
            f"labels in {where} go from {values.min()} to {values.max()}: give whole numbers from 0; leave images "
            "without a label out"
        )
    kinds, numbers = np.unique(values, return_inverse=True)
    if len(kinds) > MOST_CLASSES:
        raise InputError(f"labels in {where} are of {len(kinds)} kinds: give at most {MOST_CLASSES} classes")
    if names is not None:
        if values.dtype.kind not in "iu" or kinds[-1] >= len(names):
            raise InputError(f"labels in {where} go to {kinds[-1]} and {len(names)} classes have names: correct them")
        own = [str(names[kind]) for kind in kinds]
        empty = tuple(str(name) for place, name in enumerate(names) if place not in set(kinds.tolist()))
    else:
        own, empty = [str(kind) for kind in kinds], ()
    if len(set(own)) < len(own):
        raise InputError(f"two classes in {where} have one name: give each its own")
    plain = values.dtype.kind in "iu" and (kinds == np.arange(len(kinds))).all()
    mapping = few([f"{kind} is {place}" for place, kind in enumerate(kinds)], most=10)
    told = "" if plain else f"renumbered from 0: {mapping}"
    return Labels(numbers.reshape(-1).astype(np.int64), tuple(own), told, empty)


def _flat(labels: np.ndarray, count: int, where: str) -> np.ndarray:
    """One value an image."""
    if labels.ndim == 2 and labels.shape[0] == count and labels.shape[1] > 1 and labels.dtype.kind in "biuf":
        ones = (labels == 1).sum(1)
        if not (((labels == 0) | (labels == 1)).all() and (ones == 1).all()):
            raise InputError(f"labels in {where} have shape {labels.shape}: give one label an image")
        return np.asarray(labels.argmax(1))
    if labels.shape == (count, 1):
        labels = labels[:, 0]
    if labels.shape != (count,):
        raise InputError(f"{where} holds {count} images and labels of shape {labels.shape}: give one label an image")
    return labels
