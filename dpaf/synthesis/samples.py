"""Synthetic images with their labels."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from guise.dpaf.synthesis.writing import check_new, write

__all__ = ["Synthetic", "check_new"]


@dataclass(frozen=True)
class Synthetic:
    """Images made from noise. It unpacks into images and labels: `images, labels = run.sample(1000)`.

    Attributes:
        images: uint8 (N, H, W, channels).
        labels: int64 (N,).
        accepted: share of the first draws that the class head took for their class; None without a head.
        classes: names of the labels.
        card: what others must know of the images, as Markdown; "" where no run made them.
    """

    images: np.ndarray = field(repr=False)
    labels: np.ndarray = field(repr=False)
    accepted: float | None
    classes: tuple[str, ...]
    card: str = field(default="", repr=False)

    def __iter__(self) -> Iterator[np.ndarray]:
        """Images, then labels."""
        yield self.images
        yield self.labels

    def save(self, out: str | Path, *, format: str | None = None) -> None:  # noqa: A002  (the flag's name)
        """Write the images with their card, which says what they are and what is guaranteed.

        Args:
            out: a new place. For "npz" a file that ends in .npz, with arrays `images`, `labels` and `classes`; for
                "parquet" one that ends in .parquet, with columns `image` and `label`; for "folder" a folder for PNG
                files, with one subfolder a class; for "hf" a folder that `datasets.load_dataset` reads.
            format: "folder", "npz", "parquet" or "hf"; None goes by the name of `out`.

        Raises:
            InputError: there is something already, no such format, or pyarrow is missing.
            OutputError: it cannot be written.
        """
        place = Path(out)
        form = check_new(place, format)
        write(self.images, self.labels, place, form, classes=self.classes, card=self.card)
