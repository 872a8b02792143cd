"""Separable filters, on which SSIM, FLIP and the search for a mask rest."""

from __future__ import annotations

from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

_WHOLE = 512
"""Sides up to which images go through two band matrices: on faces of usual size three times as fast as convolutions."""
_PART = 128  # pixels of a longer line that are filtered at a time


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
    if max(height, width) <= _WHOLE:
        return _band_for(columns, height, images) @ images @ _band_for(rows, width, images).mT
    return _in_parts(_in_parts(images, rows).mT, columns).mT


def _in_parts(images: Tensor, window: Tensor) -> Tensor:
    """Correlate each line of (N, C, H, W) with a window, in parts that overlap: most of a large band matrix is 0."""
    length, reach = images.shape[-1], len(window) - 1
    count = -(-(length - reach) // _PART)
    parts = F.pad(images, (0, count * _PART + reach - length)).unfold(-1, _PART + reach, _PART)
    filtered = parts @ _band_for(window, _PART + reach, images).mT
    return filtered.flatten(-2)[..., : length - reach]


def _band_for(window: Tensor, length: int, images: Tensor) -> Tensor:
    """`_band` in the images' precision, on their device; kept, since learning asks for it anew."""
    return _kept_band(tuple(window.tolist()), length, images.dtype, images.device)


@lru_cache(maxsize=64)
def _kept_band(window: tuple[float, ...], length: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    return _band(torch.tensor(window, dtype=dtype, device=device), length)


def _band(window: Tensor, length: int) -> Tensor:
    """The matrix (length - L + 1, length) that correlates with a window (L,)."""
    shifts = torch.arange(length - len(window) + 1, device=window.device)[:, None]
    matrix = window.new_zeros(len(shifts), length)
    return matrix.scatter_(1, shifts + torch.arange(len(window), device=window.device), window.expand(len(shifts), -1))
