"""What several tests do with masks."""

from __future__ import annotations

import numpy as np

from guise.chameleon.faces.crop import FaceCrop
from guise.chameleon.faces.geometry import CANONICAL_TEMPLATE, CANVAS
from guise.chameleon.learning.on_photo import PhotoMeter
from guise.chameleon.mask.mask import Mask, Placement, add
from guise.chameleon.visibility.budget import Visibility


def masked(face: FaceCrop, mask: Mask, refinement: np.ndarray | None = None) -> np.ndarray:
    """The pixels of `face` with the mask on, as learnt."""
    placement = Placement(face.face.to_template(mask.template), 1.0, refinement=refinement)
    height, width = face.pixels.shape[:2]
    return add(face.pixels, mask.patch(placement, height=height, width=width))


def meter(face: FaceCrop) -> PhotoMeter:
    """Measures masks of our size on the photo of `face`."""
    return PhotoMeter(face, CANONICAL_TEMPLATE, size=CANVAS)


def seen_on(face: FaceCrop, mask: Mask) -> Visibility:
    """What the photo of `face` shows of a mask, put on as it is."""
    return meter(face).measure(mask)
