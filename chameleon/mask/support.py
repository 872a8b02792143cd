"""Where a mask may change pixels: a soft-edged area that follows the face.

People notice a square's border and a hard edge first. They hardly notice a perturbation that fades out over cheeks,
forehead and chin.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from guise.chameleon.faces.geometry import CANONICAL_TEMPLATE, CANVAS

# In units of the distance between the eyes.
_CENTRE_BELOW_EYES = 0.42
_HALF_WIDTH, _HALF_HEIGHT = 1.5, 1.75
_FEATHER = 0.3  # share of the radius over which the support fades
_SQUARENESS = 2.5  # exponent of the superellipse; 2 is an ellipse


def face_support() -> Tensor:
    """Compute how much a mask may change each pixel of the canonical frame.

    Returns:
        float32 (1, CANVAS, CANVAS) in [0, 1]: 1 over the face, 0 outside, with a soft edge between.
    """
    left_eye, right_eye = CANONICAL_TEMPLATE[:2]
    eyes = right_eye[0] - left_eye[0]
    centre_x, centre_y = (left_eye + right_eye) / 2 + (0, _CENTRE_BELOW_EYES * eyes)
    y, x = np.mgrid[:CANVAS, :CANVAS]
    across, along = abs(x - centre_x) / (_HALF_WIDTH * eyes), abs(y - centre_y) / (_HALF_HEIGHT * eyes)
    radius = (across**_SQUARENESS + along**_SQUARENESS) ** (1 / _SQUARENESS)
    ramp = np.clip((1 - radius) / _FEATHER, 0, 1)
    smooth = ramp**2 * (3 - 2 * ramp)  # no visible kink where the ramp starts and ends
    return torch.from_numpy(smooth).float()[None]
