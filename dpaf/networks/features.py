"""Public features in which classes are compared: normalised wavelet moduli, and a kernel on them."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from guise.dpaf.networks.scattering import Scattering

_PROJECTED, _WAVES = 512, 1000
_WIDTHS = (0.35, 0.8)
_PUBLIC_SEED = 7
_PIXEL_GRID, _PIXEL_WAVES, _PIXEL_WIDTH = 14, 500, 0.3
_LINEAR, _KERNEL, _PIXELS, _PIXEL_KERNEL, _COUNT = 0.4, 0.4, 0.09, 0.09, 0.02  # squared lengths: together 1
COUNT_WEIGHT = _COUNT**0.5
"""What one record adds to the last coordinate of a sum of `moments`."""


class PublicFeatures(nn.Module):
    """Fixed feature maps of images; nothing here is learnt, and no record affects another.

    `forward` is what the class head sees. `moments` is what is averaged over each class: those features and coarse
    pixels, which hold the brightness that they ignore; random Fourier features of both (Rahimi and Recht 2007), whose
    mean embeds a distribution, as in DP-MERF (Harder et al. 2021); and a constant, whose sum counts the class.

    Args:
        channels: of the images.
        size: height and width of the images.
    """

    projection: Tensor
    waves: Tensor
    phases: Tensor
    pixel_waves: Tensor
    pixel_phases: Tensor

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        self.scattering = Scattering(channels, size)
        self.width = self.scattering.channels * self.scattering.grid**2
        public = torch.Generator().manual_seed(_PUBLIC_SEED)
        self.register_buffer("projection", torch.randn(self.width, _PROJECTED, generator=public) / _PROJECTED**0.5)
        waves = [torch.randn(_PROJECTED, _WAVES, generator=public) / width for width in _WIDTHS]
        self.register_buffer("waves", torch.cat(waves, 1))
        self.register_buffer("phases", torch.rand(len(_WIDTHS) * _WAVES, generator=public) * 2 * math.pi)
        pixels = channels * min(size, _PIXEL_GRID) ** 2
        self.register_buffer("pixel_waves", torch.randn(pixels, _PIXEL_WAVES, generator=public) / _PIXEL_WIDTH)
        self.register_buffer("pixel_phases", torch.rand(_PIXEL_WAVES, generator=public) * 2 * math.pi)
        self.moments_width = self.width + len(_WIDTHS) * _WAVES + pixels + _PIXEL_WAVES + 1

    def forward(self, images: Tensor) -> Tensor:
        """Features (B, width) of norm 1.

        Args:
            images: (B, channels, size, size) in [-1, 1].
        """
        groups = self.scattering(images).split(self.scattering.groups, 1)
        return nn.functional.normalize(torch.cat([_normalised(group) for group in groups], 1).flatten(1))

    def moments(self, images: Tensor, features: Tensor) -> Tensor:
        """Moments (B, moments_width), of norm 1 at most but for rounding.

        Args:
            images: (B, channels, size, size) in [-1, 1].
            features: of these images, from `forward`.
        """
        grid = min(images.shape[-1], _PIXEL_GRID)
        pixels = nn.functional.adaptive_avg_pool2d(images, grid).flatten(1)
        pixels = pixels / math.sqrt(pixels.shape[1])
        parts = [
            _LINEAR**0.5 * features,
            _KERNEL**0.5 * _cosines(features @ self.projection @ self.waves + self.phases),
            _PIXELS**0.5 * pixels,
            _PIXEL_KERNEL**0.5 * _cosines(pixels @ self.pixel_waves + self.pixel_phases),
            features.new_full((len(features), 1), _COUNT**0.5),
        ]
        return torch.cat(parts, 1)


def _cosines(angles: Tensor) -> Tensor:
    """Cosines (B, n), scaled so that their norm is 1 at most."""
    return angles.cos() / math.sqrt(angles.shape[1])


def _normalised(maps: Tensor) -> Tensor:
    """Zero mean and unit deviation over all of one record's (B, maps, grid, grid)."""
    over = (1, 2, 3)
    return (maps - maps.mean(over, keepdim=True)) / (maps.std(over, keepdim=True) + 1e-3)
