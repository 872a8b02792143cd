"""Where a mask may change pixels: a soft-edged area that follows the face.

People notice what happens to the wall next to a cheek, and a hard edge. They hardly notice a perturbation that fades
out over cheeks, forehead and chin.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from skimage.color import rgb2lab
from skimage.segmentation import random_walker
from skimage.transform import resize
from torch import Tensor

from guise.chameleon.faces.geometry import CANONICAL_TEMPLATE, CANVAS

# Radii to the left and right, up and down from the middle between the eyes, in units of the distance between the eyes.
_SURELY_FACE = (0.75, 0.75, 1.45)
_SURELY_NOT = (1.75, 1.75, 2.35)
_WIDEST = (1.5, 1.45, 2.05)
_FEATHER = 0.25  # share of the radius over which the support fades
_SQUARENESS = 2.2  # exponent of the superellipse; 2 is an ellipse
_COARSER = 2  # the face is segmented on a grid so much coarser than the canvas
_EDGES = 3000.0  # how strongly edges stop the random walk
_FROM, _TO = 0.3, 0.7  # probability of the face between which the support rises
_SOFTNESS = 1.5  # standard deviation of the blur at its edge, in pixels


def face_support() -> Tensor:
    """Compute how much a mask may change each pixel of the canonical frame, whatever the photo.

    Returns:
        float32 (1, CANVAS, CANVAS) in [0, 1]: 1 over the face, 0 outside, with a soft edge between.
    """
    return torch.from_numpy(_smooth((1 - _radius(*_WIDEST)) / _FEATHER)).float()[None]


def support_of(face: Tensor) -> Tensor:
    """Compute how much a mask may change each pixel of one face: nothing beyond hair and jaw.

    The face is told from the background by a random walk from the middle of the face and from far outside, which edges
    stop (L. Grady, "Random Walks for Image Segmentation", PAMI 2006).

    Args:
        face: float32 (3, CANVAS, CANVAS) in [0, 1], the photo in the canonical frame.

    Returns:
        float32 (1, CANVAS, CANVAS) in [0, 1], nowhere above `face_support`.
    """
    small = resize(face.permute(1, 2, 0).cpu().numpy(), (CANVAS // _COARSER,) * 2, anti_aliasing=True)
    lab = rgb2lab(small)
    seeds = np.zeros((CANVAS, CANVAS), dtype=int)
    seeds[_radius(*_SURELY_FACE) < 1] = 1
    seeds[_radius(*_SURELY_NOT) > 1] = 2
    probabilities = random_walker(
        lab / max(float(lab[..., 0].std()), 1.0),
        seeds[_COARSER // 2 :: _COARSER, _COARSER // 2 :: _COARSER],
        beta=_EDGES,
        mode="cg_j",
        tol=1e-3,
        channel_axis=2,
        return_full_prob=True,
        prob_tol=np.inf,  # probabilities just outside [0, 1] are clipped below and need no warning
    )
    probability = resize(probabilities[0], (CANVAS, CANVAS), order=1)
    inside = gaussian_filter(_smooth((probability - _FROM) / (_TO - _FROM)), _SOFTNESS)
    return face_support().to(face) * torch.from_numpy(inside).to(face)


def _radius(across: float, up: float, down: float) -> np.ndarray:
    """Distance of each pixel of the canvas from the middle between the eyes, 1 at the given radii."""
    left_eye, right_eye = CANONICAL_TEMPLATE[:2]
    eyes = right_eye[0] - left_eye[0]
    centre_x, centre_y = (left_eye + right_eye) / 2
    y, x = np.mgrid[:CANVAS, :CANVAS].astype(float)
    along = np.where(y < centre_y, (centre_y - y) / up, (y - centre_y) / down) / eyes
    radius: np.ndarray = ((abs(x - centre_x) / (across * eyes)) ** _SQUARENESS + along**_SQUARENESS) ** (
        1 / _SQUARENESS
    )
    return radius


def _smooth(ramp: np.ndarray) -> np.ndarray:
    """Turn a ramp into one without a visible kink where it starts and ends."""
    ramp = np.clip(ramp, 0, 1)
    smooth: np.ndarray = ramp**2 * (3 - 2 * ramp)
    return smooth
