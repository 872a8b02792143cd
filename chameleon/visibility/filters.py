"""Separable filters, on which SSIM, FLIP and the search for a mask rest."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

_BY_PRODUCTS = 2048
"""Sides up to which products with band matrices are faster than convolutions; on faces of usual size three times."""
_KEPT = 384  # sides up to which these matrices are kept


def gaussian(*, radius: int, sigma: float) -> Tensor:
    """Make a Gaussian window.

    Args:
        radius: pixels on each side of the centre.
        sigma: standard deviation in pixels.

    Returns:
        float32 (2 * radius + 1,), of sum 1.
    """
    x = torch.arange(-radius, radius + 1, dtype=torch.float64)
    window = torch.exp(-(x**2) / (2 * sigma**2))
    return (window / window.sum()).float()


def separable(images: Tensor, rows: Tensor, columns: Tensor | None = None) -> Tensor:
    """Correlate each channel of images with a window along x and one along y; differentiable.

    Args:
        images: float (N, C, H, W).
        rows: float (L,), the window along x.
        columns: float (M,), the window along y; None means `rows`.

    Returns:
        float (N, C, H - M + 1, W - L + 1): nothing is padded.
    """
    columns = rows if columns is None else columns
    height, width = images.shape[2:]
    if max(height, width) <= _BY_PRODUCTS:
        return _band_for(columns, height, images) @ images @ _band_for(rows, width, images).mT
    n, channels = images.shape[:2]
    # Depthwise over one image: on CPUs some ten times faster than one channel at a time.
    flat, groups = images.reshape(1, n * channels, height, width), n * channels
    flat = F.conv2d(flat, rows.to(images).reshape(1, 1, 1, -1).expand(groups, 1, 1, -1), groups=groups)
    flat = F.conv2d(flat, columns.to(images).reshape(1, 1, -1, 1).expand(groups, 1, -1, 1), groups=groups)
    return flat.reshape(n, channels, *flat.shape[2:])


def _band_for(window: Tensor, length: int, images: Tensor) -> Tensor:
    """`_band` in the images' precision, on their device; kept where it is small, since learning asks for it anew."""
    if length > _KEPT:
        return _band(window.to(images), length)
    return _kept_band(tuple(window.tolist()), length, images.dtype, images.device)


@lru_cache(maxsize=128)
def _kept_band(window: tuple[float, ...], length: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    return _band(torch.tensor(window, dtype=dtype, device=device), length)


def _band(window: Tensor, length: int) -> Tensor:
    """The matrix (length - L + 1, length) that correlates with a window (L,)."""
    shifts = torch.arange(length - len(window) + 1, device=window.device)[:, None]
    matrix = window.new_zeros(len(shifts), length)
    return matrix.scatter_(1, shifts + torch.arange(len(window), device=window.device), window.expand(len(shifts), -1))
