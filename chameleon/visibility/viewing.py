"""How people look at a photo: all of it on a screen, and at 100 % zoom."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from PIL import Image

from guise.chameleon.visibility.budget import FaceMeter, Visibility, changed_area
from guise.chameleon.visibility.flip import PIXELS_PER_DEGREE

SCREEN_WIDTH, SCREEN_HEIGHT = 1920, 1080
_MARGIN = 24  # pixels of the screen
_TILE = 512  # pixels, at most, of a side of what is measured at a time at 100 % zoom
BLOCK = 16
"""JPEG's largest unit, in pixels: what lies in other blocks does not change a face's."""


def screen_scale(height: int, width: int) -> float:
    """Tell by how much a screen of 1920 x 1080 reduces a photo to show all of it.

    Args:
        height: of the photo, in pixels.
        width: of the photo, in pixels.

    Returns:
        Pixels of the screen for one of the photo, at most 1: no photo is enlarged.
    """
    return min(1.0, SCREEN_WIDTH / width, SCREEN_HEIGHT / height)


@dataclass(frozen=True)
class Region:
    """A rectangle of a photo.

    Attributes:
        rows: of the photo.
        columns: of the photo.
        scale: `screen_scale` of the photo.
    """

    rows: slice
    columns: slice
    scale: float

    @classmethod
    def around(cls, rows: slice, columns: slice, *, height: int, width: int, scale: float) -> Region:
        """Find what of a photo must be looked at to judge a change of some of it.

        Args:
            rows: that are changed.
            columns: that are changed.
            height: of the photo, in pixels.
            width: of the photo, in pixels.
            scale: `screen_scale` of the photo.

        Returns:
            The region, with a margin for the windows of the measures. It is made of whole blocks of JPEG.
        """
        margin = math.ceil(_MARGIN / scale)
        rows, columns = (
            slice(
                max(0, (part.start - margin) // BLOCK * BLOCK),
                min(length, -(-(part.stop + margin) // BLOCK) * BLOCK),
            )
            for part, length in ((rows, height), (columns, width))
        )
        return cls(rows, columns, scale)

    def on_screen(self, pixels: np.ndarray) -> np.ndarray:
        """Reduce the rectangle as a screen shows it.

        Args:
            pixels: uint8 (rows, columns, 3) RGB.

        Returns:
            uint8 (h, w, 3) RGB.
        """
        if self.scale == 1:
            return pixels
        # On the screen's own grid of pixels, as if the whole photo were reduced.
        left, width = self._span(self.columns)
        top, height = self._span(self.rows)
        box = (left, top, left + width / self.scale, top + height / self.scale)
        within = (box[0], box[1], min(box[2], pixels.shape[1]), min(box[3], pixels.shape[0]))
        image = Image.fromarray(np.ascontiguousarray(pixels))
        return np.asarray(image.resize((width, height), Image.Resampling.LANCZOS, box=within))

    def to_photo(self) -> np.ndarray:
        """The transform, float64 (2, 3), from pixels of `on_screen` to those of the photo."""
        corner = [part.start + self._span(part)[0] for part in (self.columns, self.rows)]
        middle = 0.5 / self.scale - 0.5  # of the first pixel of a screen, in pixels of the photo from its corner
        return np.column_stack([np.eye(2) / self.scale, np.array(corner) + middle])

    def _span(self, part: slice) -> tuple[float, int]:
        """Where in `part` the first whole pixel of the screen begins, and how many there are."""
        first = math.ceil(part.start * self.scale)
        return first / self.scale - part.start, max(1, int(part.stop * self.scale) - first)


class RegionMeter:
    """Measures how visible changes of a region are."""

    def __init__(self, original: np.ndarray, region: Region, *, pixels_per_degree: float = PIXELS_PER_DEGREE) -> None:
        """Prepare the original.

        Args:
            original: uint8 (rows, columns, 3) RGB: the region as a file without the mask shows it.
            region: where it lies.
            pixels_per_degree: of the viewer's field of view, on the screen.
        """
        self._original, self._region = original, region
        self._screen = FaceMeter(region.on_screen(original), pixels_per_degree=pixels_per_degree)

    def measure(self, changed: np.ndarray) -> Visibility:
        """Measure a changed version where a screen shows the whole photo.

        Args:
            changed: uint8 (rows, columns, 3) RGB.

        Returns:
            How visible the change is.
        """
        return self._screen.measure(self._region.on_screen(changed))

    def measure_zoomed(self, changed: np.ndarray, *, every: int = 1) -> Visibility:
        """Measure a changed version at 100 % zoom.

        Args:
            changed: uint8 (rows, columns, 3) RGB.
            every: look at one of so many parts of a large region; all of it costs much.

        Returns:
            How visible the change is.
        """
        if self._region.scale == 1:
            return self._screen.measure(changed)
        parts, weights = [], []
        height, width = self._original.shape[:2]
        for rows, columns in _tiles(height, width, every):
            before, after = (np.ascontiguousarray(pixels[rows, columns]) for pixels in (self._original, changed))
            if np.array_equal(before, after):
                continue
            parts.append(FaceMeter(before).measure(after))
            weights.append(int(changed_area(before, after).sum()))
        if not sum(weights):
            return Visibility(1.0, 0.0, 0.0, 0.0)
        ssim, flip, fleck = (
            float(np.average([getattr(part, name) for part in parts], weights=weights))
            for name in ("ssim", "flip", "fleck")
        )
        return Visibility(ssim, flip, fleck, max(part.largest_fleck for part in parts))


def _tiles(height: int, width: int, every: int) -> Iterator[tuple[slice, slice]]:
    """A large region in parts, since all at once would take gigabytes; one of `every`, the middle one among them."""
    down, across = (-(-length // _TILE) for length in (height, width))
    high, wide = -(-height // down), -(-width // across)
    for row in range(down):
        for column in range(across):
            if (row - down // 2 + column - across // 2) % every == 0:
                rows, columns = slice(row * high, (row + 1) * high), slice(column * wide, (column + 1) * wide)
                yield slice(rows.start, min(rows.stop, height)), slice(columns.start, min(columns.stop, width))
