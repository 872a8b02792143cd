"""Public statistics of what normalised scattering does not see: the finest scale, colour, brightness and contrast.

Cosines of a few numbers of a picture with random frequencies: their means over many pictures embed the joint
distribution of those numbers (Rahimi and Recht 2007; Smola et al. 2007). Here the numbers are coefficients of a
discrete cosine transform of small patches at several scales, of a thumbnail, and the energies of octaves. To match the
marginal and joint distributions of such coefficients is what makes textures look alike (Heeger and Bergen 1995;
Portilla and Simoncelli 2000). A cosine is 1 at most, so no picture, however odd, has statistics of more than norm 1.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from guise.dpaf.networks.fixed_filters import halved, pooled
from guise.dpaf.networks.patches import PatchCosines
from guise.dpaf.networks.scattering import luma_and_differences

_PUBLIC_SEED = 11
_GRID = 4  # patches are told apart by the cell of the picture that they lie in
_POSITIONS = 10  # along each side of the picture where patches are looked at
_THUMBNAIL = 8
_COLOUR = 0.35  # deviation of differences of colour, where luma has 1: a rough guess for photographs


@dataclass(frozen=True)
class _Patches:
    """Patches of `side` pixels after `halvings` of the picture, and how many waves see them."""

    halvings: int
    side: int
    waves: int


class Appearance(nn.Module):
    """Fixed statistics of images, in groups; no record affects another.

    Guarantees:
        * Each group of a record has norm 1 at most, whatever the record holds, because each of its n coordinates is a
          mean of cosines, divided by n^0.5.

    Args:
        channels: of the images.
        size: height and width of the images, at least 8.

    Attributes:
        widths: of the groups.
    """

    planes: Tensor
    cosines: Tensor
    layout: Tensor
    layout_phases: Tensor
    contrast: Tensor
    contrast_phases: Tensor

    def __init__(self, channels: int, size: int) -> None:
        super().__init__()
        random = torch.Generator().manual_seed(_PUBLIC_SEED)
        self.channels, self.octaves = channels, (size // 4).bit_length()
        halvings = max(0, (size // 8).bit_length() - 1)
        self.patches = [_Patches(0, 1, 48), _Patches(0, 3, 128)]
        self.patches += [_Patches(times, 5, 192) for times in range(1, halvings + 1) if size >> times >= 2 * _GRID]
        self.register_buffer("planes", luma_and_differences(channels), persistent=False)
        self.looks = nn.ModuleList()
        for kind in self.patches:
            basis = _cosine_transform(kind.side)
            drawn = _sparse(_deviations(channels, kind.side), kind.waves, (1, 2, 3, 4), random)
            coefficients = drawn.T.reshape(-1, channels, kind.side, kind.side)
            of_planes = torch.einsum("kpab,ai,bj->kpij", coefficients, basis, basis)
            filters = torch.einsum("kpij,pc->kcij", of_planes, self.planes)
            look = PatchCosines(filters, _phases(kind.waves, random), stride=_stride(size, kind), grid=_GRID)
            self.looks.append(look)
        thumbnail = _deviations(channels, _THUMBNAIL)
        self.register_buffer("cosines", _cosine_transform(_THUMBNAIL), persistent=False)
        self.register_buffer("layout", _sparse(thumbnail, 768, (1, 2, 4, 8), random), persistent=False)
        self.register_buffer("layout_phases", _phases(768, random), persistent=False)
        energies = torch.full((channels * self.octaves,), 0.35)
        self.register_buffer("contrast", _sparse(energies, 192, (1, 2, 3), random), persistent=False)
        self.register_buffer("contrast_phases", _phases(192, random), persistent=False)
        self.widths = (*(kind.waves * _GRID**2 for kind in self.patches), 768, 192)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Groups (B, width) of each image's statistics: patches from fine to coarse, layout, contrast.

        Args:
            images: (B, channels, size, size) in [-1, 1].
        """
        scales, groups = [images], []
        for _ in range(max(kind.halvings for kind in self.patches)):
            scales.append(halved(scales[-1]))
        for kind, look in zip(self.patches, self.looks, strict=True):
            groups.append(_scaled(look(scales[kind.halvings])))
        planes = torch.einsum("pc,bchw->bphw", self.planes, images)
        small = pooled(planes, _THUMBNAIL)
        layout = torch.einsum("bpij,ai,cj->bpac", small, self.cosines, self.cosines).flatten(1)
        groups.append(_scaled((layout @ self.layout + self.layout_phases).cos()))
        energies = self._energies(planes)
        groups.append(_scaled((energies @ self.contrast + self.contrast_phases).cos()))
        return groups

    def _energies(self, planes: Tensor) -> Tensor:
        """Half the logarithms of the energy of each octave and of what is left, (B, channels * octaves)."""
        energies = []
        for _ in range(self.octaves - 1):
            coarse = F.avg_pool2d(planes, 2)
            height, width = (2 * side for side in coarse.shape[2:])
            fine = planes[:, :, :height, :width] - F.interpolate(coarse, scale_factor=2.0)
            energies.append(fine.square().mean((2, 3)))
            planes = coarse
        energies.append(planes.var((2, 3), unbiased=False))
        return (torch.cat(energies, 1) + 1e-4).log() / 2


def _stride(size: int, kind: _Patches) -> int:
    """Odd in pixels of the finest scale, so that no parity of rows or columns is passed over."""
    side = (size >> kind.halvings) - kind.side + 1
    stride = max(1, side // _POSITIONS)
    return stride if stride % 2 or kind.halvings else stride + 1


def _cosine_transform(side: int) -> Tensor:
    """The orthonormal discrete cosine transform, (side, side)."""
    at = torch.arange(side, dtype=torch.float64)
    return F.normalize(torch.cos(math.pi / side * at[:, None] * (at + 0.5))).float()


def _deviations(channels: int, side: int) -> Tensor:
    """About how far coefficients of patches of photographs lie apart, (channels * side**2,): they fall like 1/f."""
    at = torch.arange(side).float()
    luma = 0.5 * side / (1 + 2 * (at[:, None].square() + at.square()).sqrt())
    planes = torch.tensor([1.0] + [_COLOUR] * (channels - 1))
    return (planes[:, None, None] * luma).flatten()


def _sparse(deviations: Tensor, waves: int, terms: tuple[int, ...], random: torch.Generator) -> Tensor:
    """Frequencies (numbers, waves): each wave takes some numbers, mostly those that vary much, in widths of a range.

    The deviations are guesses that hold for no dataset exactly, so widths go from a sixth of them to three times.
    """
    numbers = len(deviations)
    frequencies = torch.zeros(numbers, waves)
    for wave in range(waves):
        count = min(numbers, terms[int(torch.randint(len(terms), (), generator=random))])
        chosen = torch.multinomial(deviations.sqrt(), count, generator=random)
        width = 2 ** (4 * torch.rand((), generator=random) - 2.5)
        drawn = torch.randn(count, generator=random)
        frequencies[chosen, wave] = drawn / (deviations[chosen] * width * count**0.5)
    return frequencies


def _phases(waves: int, random: torch.Generator) -> Tensor:
    return torch.rand(waves, generator=random) * 2 * math.pi


def _scaled(means: Tensor) -> Tensor:
    """Means of cosines (B, n) to vectors of norm 1 at most."""
    return means / math.sqrt(means.shape[1])
