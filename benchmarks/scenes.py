"""Free pictures of scikit-image's package, at the size that a model takes."""

from __future__ import annotations

import numpy as np
import skimage.data
from skimage.transform import resize

NAMES = ("astronaut", "chelsea", "coffee", "rocket")


def scene(name: str, side: int) -> np.ndarray:
    """The upper left square of one of `NAMES`: uint8 (side, side, 3)."""
    pixels = getattr(skimage.data, name)()
    square = min(pixels.shape[:2])
    return resized(pixels[:square, :square], side)


def resized(pixels: np.ndarray, side: int) -> np.ndarray:
    """Any picture as uint8 (side, side, 3)."""
    small: np.ndarray = (255 * resize(pixels, (side, side), anti_aliasing=True)).round().astype(np.uint8)
    return small
