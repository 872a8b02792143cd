"""Many samples in one picture."""

from __future__ import annotations

import numpy as np


def grid(images: np.ndarray, *, columns: int) -> np.ndarray:
    """One picture (rows * H, columns * W, channels) of many, row by row; places that are left stay black.

    Args:
        images: (N, H, W, channels).
        columns: images in a row.
    """
    count, height, width, channels = images.shape
    rows = -(-count // columns)
    sheet = np.zeros((rows * columns, height, width, channels), images.dtype)
    sheet[:count] = images
    tiled = sheet.reshape(rows, columns, height, width, channels).transpose(0, 2, 1, 3, 4)
    return tiled.reshape(rows * height, columns * width, channels)
