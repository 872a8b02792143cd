"""Structural similarity, SSIM (Z. Wang et al., "Image Quality Assessment", IEEE TIP 2004).

The window is a Gaussian of 11 x 11 with a standard deviation of 1.5; constants are those for a range of 1. Each colour
channel is measured apart, then they are averaged. Windows that would leave the image are not used.

It is written anew because learning needs it differentiable and fast on a CPU; scikit-image's, which is not
differentiable, is the reference in the tests.
"""

from __future__ import annotations

import torch
from torch import Tensor

from guise.chameleon.visibility.filters import gaussian, separable

_C1, _C2 = 0.01**2, 0.03**2
RADIUS = 5
"""Pixels from a window's centre to its border."""
_WINDOW = gaussian(radius=RADIUS, sigma=1.5)


class SsimReference:
    """An original image, prepared once, with which changed versions are compared."""

    def __init__(self, reference: Tensor) -> None:
        """Prepare the original.

        Args:
            reference: float (N, C, H, W) in [0, 1].
        """
        self._reference = reference
        self._mean, square = separable(torch.cat([reference, reference**2], dim=1), _WINDOW).chunk(2, dim=1)
        self._variance = square - self._mean**2

    def map(self, images: Tensor) -> Tensor:
        """Compute SSIM at each pixel that is at least 5 from the border; differentiable.

        Args:
            images: float (N, C, H, W) in [0, 1], changed versions.

        Returns:
            float (N, C, H - 10, W - 10), at most 1.
        """
        moments = torch.cat([images, images**2, self._reference * images], dim=1)
        mean, square, product = separable(moments, _WINDOW).chunk(3, dim=1)
        variance, covariance = square - mean**2, product - self._mean * mean
        luminance = (2 * self._mean * mean + _C1) / (self._mean**2 + mean**2 + _C1)
        structure = (2 * covariance + _C2) / (self._variance + variance + _C2)
        return luminance * structure


def ssim_map(reference: Tensor, images: Tensor) -> Tensor:
    """Compute SSIM at each pixel that is at least 5 from the border; differentiable.

    Args:
        reference: float (N, C, H, W) in [0, 1].
        images: float (N, C, H, W) in [0, 1].

    Returns:
        float (N, C, H - 10, W - 10), at most 1.
    """
    return SsimReference(reference).map(images)


def ssim(reference: Tensor, images: Tensor) -> Tensor:
    """Compute the mean SSIM of each image; differentiable.

    Args:
        reference: float (N, C, H, W) in [0, 1], H and W >= 11.
        images: float (N, C, H, W) in [0, 1].

    Returns:
        float (N,), at most 1.
    """
    return ssim_map(reference, images).mean(dim=(1, 2, 3))
