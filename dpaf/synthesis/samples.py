"""Synthetic images with their labels, and where they are written."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from guise.models.errors import InputError
from guise.models.files import atomic_write, check_writable, printable
from guise.models.files.pictures import save_picture


@dataclass(frozen=True)
class Synthetic:
    """Images made from noise. It unpacks into images and labels: `images, labels = run.sample(1000)`.

    Attributes:
        images: uint8 (N, H, W, channels).
        labels: int64 (N,).
        accepted: share of the first draws that the class head took for their class; None without a head.
        classes: names of the labels.
    """

    images: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)
    accepted: float | None
    classes: tuple[str, ...]

    def __iter__(self) -> Iterator[np.ndarray]:
        """Images, then labels."""
        yield self.images
        yield self.labels

    def save(self, out: str | Path) -> None:
        """Write the images.

        Args:
            out: a new file that ends in .npz, with arrays `images` and `labels`; or a new folder for PNG files, with
                one subfolder a class.

        Raises:
            InputError: there is something already.
            OutputError: it cannot be written.
        """
        place = Path(out)
        check_new(place)
        if place.suffix == ".npz":
            with atomic_write(place) as file:
                np.savez_compressed(file, images=self.images, labels=self.labels)
            return
        folders = _folders(self.classes)
        for number, (image, label) in enumerate(zip(self.images, self.labels, strict=True)):
            save_picture(image, place / folders[label] / f"{number:06d}.png")


def check_new(out: Path) -> None:
    """Make sure that samples could be written to a place.

    Args:
        out: a file that ends in .npz, or a folder.

    Raises:
        InputError: there is something already.
        OutputError: nothing may be written there.
    """
    if out.exists() and (not out.is_dir() or out.suffix == ".npz" or any(out.iterdir())):
        raise InputError(f"{printable(out)} exists already: choose another name with `out=`")
    check_writable(out.parent)


def _folders(classes: tuple[str, ...]) -> list[str]:
    """A folder's name for each class, no two alike."""
    plain = ["".join(letter if letter.isalnum() or letter in "-_ " else "_" for letter in name) for name in classes]
    if len({name.casefold() for name in plain}) == len(plain) and all(plain):
        return plain
    return [f"{place} {name}".strip() for place, name in enumerate(plain)]
