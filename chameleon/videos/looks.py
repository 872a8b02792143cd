"""What a face looks like in a few numbers: enough to see that another thing has taken its place."""

from __future__ import annotations

import numpy as np

from guise.chameleon.faces import geometry
from guise.chameleon.faces.detection import Face

_SIDE = 24
_TEMPLATE = geometry.CANONICAL_TEMPLATE * _SIDE / geometry.CANVAS
ALIKE = 0.5
"""Correlation of two patches from which on they show the same face."""


def patch(pixels: np.ndarray, face: Face) -> np.ndarray:
    """Cut a face out, tiny and aligned.

    Args:
        pixels: uint8 (H, W, 3) RGB.
        face: in it.

    Returns:
        float32 (24, 24): its luma, of mean 0 and length 1.
    """
    crop = geometry.crop(pixels, face.to_template(_TEMPLATE), size=_SIDE).numpy().mean(0)
    centred = crop - crop.mean()
    return np.asarray(centred / max(float(np.linalg.norm(centred)), 1e-6), dtype=np.float32)


def likeness(a: np.ndarray, b: np.ndarray) -> float:
    """Compare two patches.

    Args:
        a: as `patch` gives it.
        b: another one.

    Returns:
        Their correlation, from -1 to 1; above .9 for a face in two pictures in a row.
    """
    return float((a * b).sum())


def alike(a: np.ndarray, b: np.ndarray) -> bool:
    """Compare two patches.

    Args:
        a: as `patch` gives it.
        b: another one.

    Returns:
        Whether they show the same face, in about the same light.
    """
    return likeness(a, b) > ALIKE
