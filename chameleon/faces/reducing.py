"""Photos made smaller before faces are looked for."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image

from guise.models.files import put_down

_STRIP = 128  # rows that are made at a time


def reduced(pixels: np.ndarray, longest: int) -> tuple[np.ndarray, np.ndarray]:
    """Reduce a photo by an area average.

    Args:
        pixels: uint8 (H, W, 3) RGB.
        longest: the most pixels that its longer side may have.

    Returns:
        uint8 (h, w, 3), the photo itself where it is short enough; and float64 (2,), the factors that lead from its
        pixels, across and down, to the photo's.
    """
    height, width = pixels.shape[:2]
    scale = min(1.0, longest / max(height, width))
    if scale == 1:
        return pixels, np.ones(2)
    rows, columns = max(1, round(height * scale)), max(1, round(width * scale))
    small, step = np.empty((rows, columns, 3), np.uint8), height / rows
    # By strips: a second copy of a large photo may not fit the memory.
    for top in range(0, rows, _STRIP):
        bottom = min(top + _STRIP, rows)
        first, last = int(top * step), min(math.ceil(bottom * step), height)
        part = Image.fromarray(pixels[first:last])
        inside = (0, top * step - first, width, min(bottom * step, height) - first)
        small[top:bottom] = np.asarray(part.resize((columns, bottom - top), Image.Resampling.BOX, inside))
        put_down(pixels)
    return small, np.array([width / columns, height / rows])
