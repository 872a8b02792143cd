"""Peak signal-to-noise ratio."""

from __future__ import annotations

import math

import numpy as np


def psnr(original: np.ndarray, changed: np.ndarray) -> float:
    """Compute the peak signal-to-noise ratio of two images.

    Args:
        original: uint8, any shape.
        changed: uint8, of the same shape.

    Returns:
        Decibels; infinite if they are equal, where scikit-image would divide by zero.
    """
    from skimage.metrics import peak_signal_noise_ratio  # slow: brings scipy.stats along

    return math.inf if np.array_equal(original, changed) else float(peak_signal_noise_ratio(original, changed))
