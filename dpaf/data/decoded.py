"""Encoded images brought to one size: of files in folders, or in tables."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from PIL import Image

from guise.dpaf.data.dataset import SIZES, nearest_size
from guise.dpaf.data.pixels import range_doubt
from guise.models.counting import counted
from guise.models.errors import GuiseError, InputError
from guise.models.files import Photo, one_line, printable

_NAMED = 10  # of the images that cannot be read


@dataclass(frozen=True)
class Decoded:
    """Images of one size, and what was seen of them as they were stored.

    Attributes:
        images: uint8 (N, side, side, 1 or 3).
        digest: of the files' bytes and classes, in any order.
        sizes: heights and widths as stored.
        values: range and bits as stored.
        colour: how grey or colour was told.
        notes: what was left out of them.
        doubts: what is odd about their range.
    """

    images: np.ndarray
    digest: bytes
    sizes: str
    values: str
    colour: str
    notes: tuple[str, ...]
    doubts: tuple[str, ...]


class Decoder:
    """Takes images one by one; what cannot be read is told at the end, all at once.

    Args:
        size: side to bring them to; None takes the nearest to the first image's.
        where: the source's name, for messages.

    Raises:
        InputError: the size is not supported.
    """

    def __init__(self, size: int | None, where: str) -> None:
        if size not in (None, *SIZES):
            raise InputError(f"size {size} is not supported: choose one of {', '.join(map(str, SIZES))}")
        self._side, self._where = size, where
        self._pixels: list[np.ndarray] = []
        self._hashes: list[str] = []
        self._unread: list[str] = []
        self._shapes: set[tuple[int, int]] = set()
        self._coloured, self._several = "", 0
        self._low, self._high = 255, 0

    def add(self, photo: Photo, name: str, label: str) -> None:
        """Take one image.

        Args:
            photo: decoded.
            name: its own, in the source.
            label: the name of its class.
        """
        height, width = photo.pixels.shape[:2]
        self._side = self._side or nearest_size(min(height, width))
        self._shapes.add((height, width))
        self._low, self._high = min(self._low, int(photo.pixels.min())), max(self._high, int(photo.pixels.max()))
        if not photo.single_channel:
            self._coloured = self._coloured or name
        self._several += bool(photo.frames)
        if not self._unread:
            self._pixels.append(_square(photo.pixels, self._side))
        self._hashes.append(f"{photo.sha256} {label}")

    def refuse(self, name: str, error: GuiseError) -> None:
        """Remember an image that cannot be read.

        Args:
            name: its own, in the source.
            error: why.
        """
        reason = one_line(str(error)).partition(": ")[2].rpartition(";")[0] or one_line(str(error))
        self._unread.append(f"{printable(name)} ({reason})")

    def done(self) -> Decoded:
        """All images together: colour unless each file has a single channel; transparent pixels are black.

        Raises:
            InputError: some cannot be read; all of them are named.
        """
        if self._unread:
            named, more = self._unread[:_NAMED], len(self._unread) - _NAMED
            listed = ", ".join(named) + (f" and {more} more" if more > 0 else "")
            total = len(self._unread) + len(self._hashes)
            what = f"cannot read {len(self._unread)} of {total} images in {self._where}: {listed}"
            raise InputError(f"{what}; replace them, or take them out of the dataset")
        if not self._pixels:
            raise InputError(f"{self._where} holds no image: name another")
        images = np.stack(self._pixels)
        least, most = min(self._shapes), max(self._shapes)
        sizes = "x".join(map(str, least)) + ("" if least == most else f" to {'x'.join(map(str, most))}")
        doubt = range_doubt(self._low, self._high, 255, self._where)
        several = f"{counted(self._several, 'file holds', 'files hold')} several pictures: the first of each is taken"
        return Decoded(
            images if self._coloured else images[..., :1],
            hashlib.sha256("\n".join(sorted(self._hashes)).encode()).digest(),
            f"{sizes}, cut to squares" if any(height != width for height, width in self._shapes) else sizes,
            f"{self._low} to {self._high} of 0 to 255 (8 bits)",
            f"{printable(self._coloured)} has colour" if self._coloured else "each file has a single channel",
            (several,) if self._several else (),
            (doubt,) if doubt else (),
        )


def _square(pixels: np.ndarray, side: int) -> np.ndarray:
    least = min(pixels.shape[:2])
    top, left = (pixels.shape[0] - least) // 2, (pixels.shape[1] - least) // 2
    image = Image.fromarray(pixels[top : top + least, left : left + least])
    return np.asarray(image.resize((side, side), Image.Resampling.LANCZOS))
