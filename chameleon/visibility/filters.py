"""Separable filters, on which SSIM, FLIP and the search for a mask rest."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

_WHOLE = 512
"""Sides up to which images of few channels go through two band matrices, faster there than convolutions."""
_FEW = 3
"""Channels. With more of them, convolutions whose innermost dimension is the channel are several times faster."""


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
        rows: float (L,), the window along x; or (C, L), one for each channel.
        columns: float (M,) or (C, M), the window along y; None means `rows`.

    Returns:
        float (N, C, H - M + 1, W - L + 1): nothing is padded.
    """
    columns = rows if columns is None else columns
    channels, height, width = images.shape[1:]
    if channels <= _FEW and max(height, width) <= _WHOLE and rows.ndim == columns.ndim == 1:
        return _band_for(columns, height, images) @ images @ _band_for(rows, width, images).mT
    windows = [window.to(images).expand(channels, -1) for window in (rows, columns)]
    filtered: Tensor = _Correlation.apply(images, *windows)
    return filtered


class _Correlation(torch.autograd.Function):
    """Correlates each channel of images (N, C, H, W) with windows (C, L) along x and (C, M) along y.

    PyTorch's own gradient of such a convolution takes several times longer on a CPU than this one.
    """

    @staticmethod
    def forward(ctx: Any, images: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        ctx.save_for_backward(rows, columns)
        return _correlate(images, rows, columns)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None]:
        rows, columns = ctx.saved_tensors
        (gradient,) = gradients
        return _correlate(gradient, rows.flip(1), columns.flip(1), full=True), None, None


def _correlate(images: Tensor, rows: Tensor, columns: Tensor, *, full: bool = False) -> Tensor:
    """All places where the windows lie within the images; if `full`, all where they touch them."""
    channels, across, down = images.shape[1], *((window.shape[1] - 1 if full else 0) for window in (rows, columns))
    images = images.contiguous(memory_format=torch.channels_last)
    images = F.conv2d(images, rows[:, None, None, :].contiguous(), groups=channels, padding=(0, across))
    images = F.conv2d(images, columns[:, None, :, None].contiguous(), groups=channels, padding=(down, 0))
    return images.contiguous()  # what follows takes channels apart


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
