"""Structural similarity (Z. Wang et al., "Image Quality Assessment", IEEE TIP 2004): differentiable and exact.

Gaussian window of 11 x 11, standard deviation 1.5, constants for a range of 1; each colour channel apart, then
averaged; windows that would leave the image are not used.
"""

from __future__ import annotations

import torch
from torch import Tensor

from guise.chameleon.visibility.filters import gaussian, separable

_C1, _C2 = 0.01**2, 0.03**2
_WINDOW = gaussian(radius=5, sigma=1.5)


def ssim_map(reference: Tensor, images: Tensor) -> Tensor:
    """SSIM at each pixel at least 5 from the border: float (N, C, H, W) in [0, 1] twice -> (N, C, H - 10, W - 10)."""
    moments = torch.cat([reference, images, reference**2, images**2, reference * images])
    mean_r, mean_i, square_r, square_i, product = separable(moments, _WINDOW).chunk(5)
    variance_r, variance_i = square_r - mean_r**2, square_i - mean_i**2
    covariance = product - mean_r * mean_i
    luminance = (2 * mean_r * mean_i + _C1) / (mean_r**2 + mean_i**2 + _C1)
    structure = (2 * covariance + _C2) / (variance_r + variance_i + _C2)
    return luminance * structure


def ssim(reference: Tensor, images: Tensor) -> Tensor:
    """Mean SSIM of each image: float (N, C, H, W) in [0, 1], H and W >= 11 -> (N,)."""
    return ssim_map(reference, images).mean(dim=(1, 2, 3))
