"""A face cut out of its photo, with enough around it for the crop of every recogniser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np

from guise.chameleon.faces.detection import Face
from guise.chameleon.visibility.viewing import BLOCK, screen_scale
from guise.models.files import Photo, as_saved

_MARGIN = 0.8  # of the box's longer side, on each side
_COARSE = ("JPEG", "GIF")  # written with tables or colours of which a mask must know, and quickly


@dataclass(frozen=True)
class FaceCrop:
    """One face and its surroundings.

    Attributes:
        pixels: uint8 (H, W, 3) RGB, at the photo's full resolution.
        face: the face, in coordinates of `pixels`.
        grey: whether the photo has one channel, which `pixels` holds three times.
        scale: pixels of a screen that shows the whole photo, for one of the photo.
        saved: what a file will show of pixels (h, w, 3) of this face; None where it shows them as they are.
    """

    pixels: np.ndarray
    face: Face
    grey: bool = False
    scale: float = 1.0
    saved: Callable[[np.ndarray], np.ndarray] | None = None

    @classmethod
    def of(cls, photo: Photo, face: Face) -> FaceCrop:
        """Cut a face out of a photo that is to be written back.

        Args:
            photo: as read.
            face: the face in it.

        Returns:
            A copy, so that the photo need not be kept.
        """
        cut = cls.cut(photo.pixels, face, grey=photo.grey)
        if photo.format not in _COARSE:
            return cut
        bare = replace(
            photo, pixels=photo.pixels[:1, :1].copy(), alpha=None, frames=(), key=0, compressed=None, lower=None
        )
        return replace(cut, saved=partial(as_saved, bare))

    @classmethod
    def cut(cls, pixels: np.ndarray, face: Face, *, grey: bool = False) -> FaceCrop:
        """Cut a face out of a picture, with whole blocks of JPEG around it.

        Args:
            pixels: uint8 (H, W, 3) RGB, the photo.
            face: the face in it.
            grey: whether the photo has one channel.

        Returns:
            A copy, so that the photo need not be kept.
        """
        height, width = pixels.shape[:2]
        margin = _MARGIN * max(face.box[2] - face.box[0], face.box[3] - face.box[1])
        left, top = np.clip(face.box[:2] - margin, 0, (width - 1, height - 1)).astype(int) // BLOCK * BLOCK
        right, bottom = np.clip(face.box[2:] + margin, (left + 1, top + 1), (width, height)).astype(int)
        right, bottom = min(-(-right // BLOCK) * BLOCK, width), min(-(-bottom // BLOCK) * BLOCK, height)
        scale = screen_scale(height, width)
        return cls(pixels[top:bottom, left:right].copy(), face.shifted(-left, -top), grey, scale)
