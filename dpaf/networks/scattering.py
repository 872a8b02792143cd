"""A fixed, public feature map: wavelet moduli of two orders, after Bruna and Mallat (2013).

Nothing here is learnt and nothing depends on any record, so features cost no privacy; what is released of them does.
Wavelets act on a pyramid instead of growing with scale, which keeps kernels small; it is a network of the scattering
type, not the exact transform. Written here: a few small convolutions are all that it takes, and colour is taken
apart before the moduli.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from guise.dpaf.networks.fixed_filters import halved, pooled
from guise.dpaf.networks.moduli import Moduli

_KERNEL = 7
_ANGLES = 8


class Scattering(nn.Module):
    """Images to wavelet moduli of order 0, 1 and 2, averaged over a coarse grid; >= 0 but those of order 0.

    A modulus does not tell light from dark, so channels that are looked at one by one lose what they have to do with
    one another: red could be the negative of green. Images of several channels are therefore taken apart into luma
    and differences of colour first. Luma has all maps, differences the coarse ones.

    Args:
        channels: of the images.
        size: height and width of the images, at least 8.
        grid: height and width of the averages.
    """

    planes: Tensor

    def __init__(self, channels: int, size: int, *, grid: int = 7) -> None:
        super().__init__()
        self.grid = min(grid, size // 2)
        self.size = size
        self.groups = (channels, _ANGLES, channels * _ANGLES, *[_ANGLES] * _ANGLES)
        wavelets = morlets(_KERNEL, _ANGLES, 1.3)
        self.fine, self.coarse = Moduli(wavelets, size), Moduli(wavelets, -(-size // 2))
        self.register_buffer("planes", luma_and_differences(channels), persistent=False)

    @property
    def channels(self) -> int:
        """Feature maps for each image, in groups of one kind: order 0, fine, coarse, and order 2 by its first angle."""
        return sum(self.groups)

    def forward(self, images: Tensor) -> Tensor:
        """Features (B, self.channels, grid, grid). Images do not affect one another.

        Args:
            images: (B, channels, size, size) in [-1, 1].
        """
        planes = torch.einsum("pc,bchw->bphw", self.planes, images)
        fine = self.fine(planes[:, 0])
        half = halved(planes)
        coarse = self._coarse_of_each(half)
        second = self._coarse_of_each(halved(fine))
        return torch.cat([pooled(maps, self.grid) for maps in (half, fine, coarse, second)], 1)

    def _coarse_of_each(self, maps: Tensor) -> Tensor:
        moduli: Tensor = self.coarse(maps.flatten(0, 1))
        return moduli.reshape(len(maps), -1, *moduli.shape[2:])


def luma_and_differences(channels: int) -> Tensor:
    """(channels, channels), orthonormal: the sum of all channels, then a discrete cosine transform's differences.

    Args:
        channels: of the images.
    """
    at = torch.arange(channels, dtype=torch.float64)
    waves = F.normalize(torch.cos(math.pi / channels * at[:, None] * (at + 0.5)))
    return waves.float()


def morlets(width: int, angles: int, sigma: float) -> Tensor:
    """Kernels (2 * angles, 1, width, width): real parts, then imaginary. Each has mean 0 and moduli whose sum is 1.

    The wave goes on by three quarters of pi a pixel, under a Gaussian twice as long across.

    Args:
        width: of a kernel, odd.
        angles: evenly over half a turn.
        sigma: of the Gaussian along the wave, in pixels.
    """
    at = torch.arange(width, dtype=torch.float64) - width // 2
    y, x = torch.meshgrid(at, at, indexing="ij")
    kernels = []
    for step in range(angles):
        angle = math.pi * step / angles
        along, across = x * math.cos(angle) + y * math.sin(angle), y * math.cos(angle) - x * math.sin(angle)
        envelope = torch.exp(-(along.square() + (across / 2).square()) / (2 * sigma**2))
        wave = torch.exp(0.75j * math.pi * along)
        wavelet = envelope * (wave - (envelope * wave).sum() / envelope.sum())
        kernels.append(wavelet / wavelet.abs().sum())
    stacked = torch.stack(kernels)
    return torch.cat([stacked.real, stacked.imag]).float().unsqueeze(1)
