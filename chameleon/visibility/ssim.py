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


def ssim_map(reference: Tensor, images: Tensor) -> Tensor:
    """Compute SSIM at each pixel that is at least 5 from the border; differentiable.

    Args:
        reference: float (N, C, H, W) in [0, 1].
        images: float (N, C, H, W) in [0, 1].

    Returns:
        float (N, C, H - 10, W - 10), at most 1.
    """
    moments = torch.cat([reference, images, reference**2, images**2, reference * images])
    mean_r, mean_i, square_r, square_i, product = separable(moments, _WINDOW).chunk(5)
    variance_r, variance_i = square_r - mean_r**2, square_i - mean_i**2
    covariance = product - mean_r * mean_i
    luminance = (2 * mean_r * mean_i + _C1) / (mean_r**2 + mean_i**2 + _C1)
    structure = (2 * covariance + _C2) / (variance_r + variance_i + _C2)
    return luminance * structure


def ssim(reference: Tensor, images: Tensor) -> Tensor:
    """Compute the mean SSIM of each image; differentiable.

    Args:
        reference: float (N, C, H, W) in [0, 1], H and W >= 11.
        images: float (N, C, H, W) in [0, 1].

    Returns:
        float (N,), at most 1.
    """
    return ssim_map(reference, images).mean(dim=(1, 2, 3))
