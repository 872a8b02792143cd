"""A face cut out of its photo, with enough around it for the crop of every recogniser."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from guise.chameleon.faces.detection import Face
from guise.chameleon.visibility.viewing import screen_scale

_MARGIN = 0.8  # of the box's longer side, on each side


@dataclass(frozen=True)
class FaceCrop:
    """One face and its surroundings.

    Attributes:
        pixels: uint8 (H, W, 3) RGB, at the photo's full resolution.
        face: the face, in coordinates of `pixels`.
        grey: whether the photo has one channel, which `pixels` holds three times.
        scale: pixels of a screen that shows the whole photo, for one of the photo.
    """

    pixels: np.ndarray
    face: Face
    grey: bool = False
    scale: float = 1.0

    @classmethod
    def cut(cls, pixels: np.ndarray, face: Face, *, grey: bool = False) -> FaceCrop:
        """Cut a face out of a photo.

        Args:
            pixels: uint8 (H, W, 3) RGB, the photo.
            face: the face in it.
            grey: whether the photo has one channel.

        Returns:
            A copy, so that the photo need not be kept.
        """
        height, width = pixels.shape[:2]
        margin = _MARGIN * max(face.box[2] - face.box[0], face.box[3] - face.box[1])
        left, top = np.clip(face.box[:2] - margin, 0, (width - 1, height - 1)).astype(int)
        right, bottom = np.clip(face.box[2:] + margin, (left + 1, top + 1), (width, height)).astype(int)
        scale = screen_scale(height, width)
        return cls(pixels[top:bottom, left:right].copy(), face.shifted(-left, -top), grey, scale)
