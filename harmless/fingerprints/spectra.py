"""Noise with a given spectrum: pictures and filters that are as rough as others, and have nothing else of them."""

from __future__ import annotations

import torch
from torch import Tensor

_MEAN, _DEVIATION = 128.0, 50.0


def pink(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    """Noise whose amplitude falls with the frequency, as that of photos does.

    Args:
        shape: (C, H, W).
        generator: of the noise.

    Returns:
        Whole levels from 0 to 255, float64 (1, C, H, W).
    """
    height, width = shape[1:]
    down, across = torch.fft.fftfreq(height)[:, None], torch.fft.rfftfreq(width)
    falling = 1 / (down**2 + across**2).sqrt().clamp(min=1 / max(height, width)).double()
    white = torch.randn(1, *shape, generator=generator, dtype=torch.float64)
    noise = torch.fft.irfft2(torch.fft.rfft2(white) * falling, s=(height, width))
    noise -= noise.mean()
    levels: Tensor = (_MEAN + _DEVIATION * noise / noise.std().clamp(min=1e-12)).round().clamp(0, 255)
    return levels


def rephased(x: Tensor, generator: torch.Generator) -> Tensor:
    """x with random phases, the same for all channels; it keeps its spectrum.

    Args:
        x: (N, C, H, W).
        generator: of the phases.

    Returns:
        Of the shape and dtype of x.
    """
    size = tuple(x.shape[2:])
    phases = torch.fft.rfft2(torch.randn(len(x), 1, *size, generator=generator, dtype=torch.float64))
    turned = torch.fft.rfft2(x.double()) * phases / phases.abs().clamp(min=1e-300)
    result: Tensor = torch.fft.irfft2(turned, s=size).to(x)
    return result
