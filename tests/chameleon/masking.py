"""What several tests do with masks."""

from __future__ import annotations

import numpy as np

from guise.chameleon.faces.crop import FaceCrop
from guise.chameleon.mask.mask import Mask, Placement, add


def masked(face: FaceCrop, mask: Mask, refinement: np.ndarray | None = None) -> np.ndarray:
    """The pixels of `face` with the mask on, as learnt."""
    placement = Placement(face.face.to_template(mask.template), 1.0, refinement=refinement)
    height, width = face.pixels.shape[:2]
    return add(face.pixels, mask.patch(placement, height=height, width=width))
