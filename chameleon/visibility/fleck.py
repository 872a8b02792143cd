"""Flecks: the spots of foreign colour that people notice on skin.

The measure is CIEDE2000 at equal lightness between colours averaged over 5 x 5 pixels (G. Sharma, W. Wu, E. Dalal, "The
CIEDE2000 Color-Difference Formula", Color Research & Application 2005). SSIM hardly sees colour, and FLIP's mean
forgives a few spots.

`flecks` measures with scikit-image. `FleckReference` is differentiable, for learning; it leaves out the formula's
terms that turn on hue, and stays within a tenth of the full one on skin.
"""

from __future__ import annotations

import numpy as np
import torch
from scipy.ndimage import uniform_filter
from skimage.color import deltaE_ciede2000, rgb2lab
from skimage.util import img_as_float32
from torch import Tensor
from torch.nn import functional as F

from guise.chameleon.visibility.flip import to_lab

WINDOW = 5
"""Side, in pixels, of the square over which colours are averaged."""

_LIGHTNESS = 50.0
_TINY = 1e-6


def seen_colours(pixels: np.ndarray) -> np.ndarray:
    """Average colours as `flecks` compares them.

    Args:
        pixels: uint8 (H, W, 3) RGB.

    Returns:
        float32 (H, W, 3), CIELAB at one lightness.
    """
    colours: np.ndarray = uniform_filter(rgb2lab(img_as_float32(pixels)), (WINDOW, WINDOW, 1))
    colours[..., 0] = _LIGHTNESS
    return colours


def flecks(original: np.ndarray, changed: np.ndarray) -> np.ndarray:
    """Measure differences of colour.

    Args:
        original: float32 (..., 3), as `seen_colours` gives them.
        changed: float32 (..., 3), the same of the changed picture.

    Returns:
        float32 (...), CIEDE2000; about 2 is seen on a second look, 6 at once.
    """
    differences: np.ndarray = deltaE_ciede2000(original, changed)
    return differences


class FleckReference:
    """An original image, prepared once, against which changed versions are compared."""

    def __init__(self, reference: Tensor, *, window: int = WINDOW) -> None:
        """Prepare the original.

        Args:
            reference: float (N or 1, 3, H, W), sRGB in [0, 1].
            window: side of the square over which colours are averaged, odd.
        """
        self._window = window
        self._reference = self._chroma(reference)

    def map(self, images: Tensor) -> Tensor:
        """Compute the difference of colour at each pixel; differentiable.

        Args:
            images: float (N, 3, H, W), sRGB in [0, 1], changed versions.

        Returns:
            float (N, H, W), close to CIEDE2000 at equal lightness.
        """
        a, b = self._reference, self._chroma(images)
        # CIEDE2000 stretches a* of dull colours.
        dull = (_length(a) + _length(b)) / 2
        stretch = 1 + 0.5 * (1 - (dull**7 / (dull**7 + 25.0**7)).sqrt())
        a, b = (torch.stack([c[:, 0] * stretch, c[:, 1]], dim=1) for c in (a, b))
        length_a, length_b = _length(a), _length(b)
        chroma = length_b - length_a
        hue_squared = ((a - b).square().sum(1) - chroma.square()).clamp(min=0)
        mean = (length_a + length_b) / 2
        return ((chroma / (1 + 0.045 * mean)).square() + hue_squared / (1 + 0.015 * mean).square() + _TINY).sqrt()

    def _chroma(self, images: Tensor) -> Tensor:
        """a* and b*, averaged: (N, 2, H, W)."""
        chroma, edge = to_lab(images)[:, 1:], self._window // 2
        return F.avg_pool2d(F.pad(chroma, (edge,) * 4, mode="replicate"), self._window, stride=1)


def _length(chroma: Tensor) -> Tensor:
    return (chroma.square().sum(1) + _TINY).sqrt()
