"""What every reader of datasets gets and gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from guise.models.errors import InputError

Split = Literal["train", "test"]


@dataclass(frozen=True)
class Reading:
    """How a source is to be read.

    Attributes:
        size: side of the images; None takes the nearest that is supported.
        split: which part of it.
        group_column: array or column that tells whose image each is; None where there is none.
        group_folders: whether the folders below a class are people.

    Raises:
        InputError: the split is unknown.
    """

    size: int | None = None
    split: str = "train"
    group_column: str | None = None
    group_folders: bool = False

    def __post_init__(self) -> None:
        if self.split not in ("train", "test"):
            raise InputError(f"`split={self.split}` is unknown: give train or test")


@dataclass(frozen=True)
class Stored:
    """One split of a source as it was stored.

    Attributes:
        images: (N, H, W), (N, H, W, 1 or 3) or (N, 1 or 3, H, W), of integers or floats.
        labels: one for each, of any usual kind; None for one class.
        where: the source's name, for messages.
        layout: how it was told what is what.
        names: of the classes 0, 1, ...; None takes the labels as they are.
        digest: of the whole source; None computes it from images and labels.
        people: (N,), whose image each is; None where that is not known.
        sizes: as stored, where the images were brought to one size already.
        values: as stored, where the images were brought to bytes already, and what is odd about them.
        colour: how grey or colour was told; "" where the images' shape says it.
        notes: for the owner.
        doubts: for the owner.
    """

    images: np.ndarray
    labels: np.ndarray | None
    where: str
    layout: str
    names: Sequence[str] | None = None
    digest: bytes | None = None
    people: np.ndarray | None = None
    sizes: str = ""
    values: str = ""
    colour: str = ""
    notes: tuple[str, ...] = field(default=())
    doubts: tuple[str, ...] = field(default=())
