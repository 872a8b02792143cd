"""What a file with a mask shows of a face, compared with a file without it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from guise.chameleon.faces import geometry
from guise.chameleon.faces.detection import Face
from guise.chameleon.mask.mask import Patch, add
from guise.chameleon.visibility.viewing import Region, RegionMeter, screen_scale
from guise.models.files import Photo, as_saved

_REACH = 256  # pixels; a multiple of the largest block, beyond which encoders that predict hardly look


def by_parts(photo: Photo) -> bool:
    """Tell whether a part of a photo that is encoded by itself shows what the whole file does, up to rounding.

    Args:
        photo: described as its copy is to be written.

    Returns:
        False of formats that predict pixels from others, which may lie anywhere.
    """
    return photo.lossless or photo.format == "JPEG"


def region_of(photo: Photo, face: Face) -> Region:
    """Find what of a photo a mask changes, and what must be looked at to judge it.

    Args:
        photo: as read.
        face: in it.

    Returns:
        The region.
    """
    height, width = photo.pixels.shape[:2]
    rows, columns = geometry.covered(
        face.to_template(geometry.CANONICAL_TEMPLATE), size=geometry.CANVAS, height=height, width=width
    )
    return Region.around(rows, columns, height=height, width=width, scale=screen_scale(height, width))


class Look:
    """A face and what lies around it, as files written with and without a mask show it.

    What writing a file anew changes by itself is not the mask's, so both are written the same way.

    Attributes:
        region: of the photo.
        meter: compares with the file without the mask.
    """

    def __init__(
        self, photo: Photo, face: Face, *, written_anew: bool = True, original: np.ndarray | None = None
    ) -> None:
        """Prepare a face.

        Args:
            photo: the original, as read.
            face: in it.
            written_anew: whether to compare with the original as it would be written anew; else with it as it is.
            original: uint8 (h, w, 3) RGB, what the region is compared with, where that is known better.
        """
        self.region = region_of(photo, face)
        self._photo, self._face = photo, face
        if original is None:
            original = self.written_with([]) if written_anew else photo.pixels[self.region.rows, self.region.columns]
        self.meter = RegionMeter(original, self.region)

    def written_with(self, patches: Sequence[Patch]) -> np.ndarray:
        """Tell what a file shows.

        Args:
            patches: to be added to the photo before it is written.

        Returns:
            uint8 (h, w, 3) RGB: the region's pixels.
        """
        part = self.region.rows, self.region.columns
        reach = 0 if by_parts(self._photo) else _REACH
        encoded = tuple(
            slice(max(0, side.start - reach), min(length, side.stop + reach))
            for side, length in zip(part, self._photo.pixels.shape[:2], strict=True)
        )
        pixels = self._photo.pixels[encoded]
        for patch in patches:
            pixels = add(pixels, patch.within(*encoded))
        within = tuple(
            slice(side.start - outer.start, side.stop - outer.start) for side, outer in zip(part, encoded, strict=True)
        )
        return as_saved(self._photo, pixels, self._photo.pixels[encoded])[within]

    def face_boxes(self, written: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Cut out the face as a screen shows it, for measures that look at all of a picture.

        Args:
            written: uint8 (h, w, 3) RGB, the region's pixels.

        Returns:
            `box_on_screen` of the original and of what was written.
        """
        height, width = self._photo.pixels.shape[:2]
        rows, columns = self._face.box_in(height, width)
        top, left = self.region.rows.start, self.region.columns.start
        box = slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left)
        original = self._photo.pixels[rows, columns]
        shown = Region(rows, columns, self.region.scale)
        return shown.on_screen(original), shown.on_screen(written[box])


def box_on_screen(pixels: np.ndarray, face: Face) -> np.ndarray:
    """Cut out a face's box as a screen shows it.

    Args:
        pixels: uint8 (H, W, 3) RGB, the whole photo.
        face: in it.

    Returns:
        uint8 (h, w, 3) RGB.
    """
    height, width = pixels.shape[:2]
    rows, columns = face.box_in(height, width)
    return Region(rows, columns, screen_scale(height, width)).on_screen(pixels[rows, columns])
