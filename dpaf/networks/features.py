"""Public features in which classes are compared: normalised wavelet moduli, kernels, and appearance."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from guise.dpaf.networks.appearance import Appearance
from guise.dpaf.networks.designs import CURRENT, FIRST
from guise.dpaf.networks.fixed_filters import pooled
from guise.dpaf.networks.scattering import Scattering

_PROJECTED, _WAVES = 512, 1000
_WIDTHS = (0.35, 0.8)
_PUBLIC_SEED = 7
_PIXEL_GRID, _PIXEL_WAVES, _PIXEL_WIDTH = 14, 500, 0.3
_WEIGHTS = (0.4, 0.4, 0.09, 0.09)  # in the generator's loss: linear features, kernel, pixels, kernel on pixels
_APPEARANCE = 1.0  # of each group of appearance
_COUNT = 0.02  # squared length of the constant; those of all parts, with it, add up to 1
COUNT_WEIGHT = _COUNT**0.5
"""What one record adds to the last coordinate of a sum of `moments`."""


class PublicFeatures(nn.Module):
    """Fixed feature maps of images; nothing here is learnt, and no record affects another.

    `forward` is what the class head sees. `moments` is what is averaged over each class: those features and coarse
    pixels, which hold the brightness that they ignore; random Fourier features of both (Rahimi and Recht 2007), whose
    mean embeds a distribution, as in DP-MERF (Harder et al. 2021); appearance; and a constant, whose sum counts
    the class.

    Guarantees:
        * A record's moments have norm 1 at most, but for rounding, whatever it holds: each part has norm 1 at most
          before it is scaled, and the squares of the scales, with the constant's, add up to 1.

    Args:
        channels: of the images.
        size: height and width of the images.
        design: of the run; the first has no appearance.

    Attributes:
        loss_weight: of the squared distance of moments in the generator's loss.
    """

    projection: Tensor
    waves: Tensor
    phases: Tensor
    pixel_waves: Tensor
    pixel_phases: Tensor

    def __init__(self, channels: int, size: int, *, design: int = CURRENT) -> None:
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
        self.appearance = None if design == FIRST else Appearance(channels, size)
        groups = () if self.appearance is None else self.appearance.widths
        weights = [*_WEIGHTS, *[_APPEARANCE] * len(groups)]
        self.loss_weight = sum(weights) / (1 - _COUNT)
        self.lengths = [math.sqrt(weight / self.loss_weight) for weight in weights]
        self.moments_width = self.width + len(_WIDTHS) * _WAVES + pixels + _PIXEL_WAVES + sum(groups) + 1

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
        pixels = pooled(images, grid).flatten(1)
        pixels = pixels / math.sqrt(pixels.shape[1])
        parts = [
            features,
            _cosines(features @ self.projection @ self.waves + self.phases),
            pixels,
            _cosines(pixels @ self.pixel_waves + self.pixel_phases),
            *([] if self.appearance is None else self.appearance(images)),
        ]
        scaled = [length * part for length, part in zip(self.lengths, parts, strict=True)]
        return torch.cat([*scaled, features.new_full((len(features), 1), COUNT_WEIGHT)], 1)


def _cosines(angles: Tensor) -> Tensor:
    """Cosines (B, n), scaled so that their norm is 1 at most."""
    return angles.cos() / math.sqrt(angles.shape[1])


def _normalised(maps: Tensor) -> Tensor:
    """Zero mean and unit deviation over all of one record's (B, maps, grid, grid)."""
    over = (1, 2, 3)
    return (maps - maps.mean(over, keepdim=True)) / (maps.std(over, keepdim=True) + 1e-3)
