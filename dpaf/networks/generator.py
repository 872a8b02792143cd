"""The generator: noise and a class to an image."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from guise.dpaf.networks.designs import CURRENT, FIRST, SHARP
from guise.dpaf.networks.fixed_filters import Smoothed, smoothed, without_checkerboard
from guise.models.networks.precision import half_precision

_LABEL_SCALE = 2.0
_FINEST = 16  # channels at the size of the image
_NOISE = 4  # channels of noise at each grid
_FINE_NOISE = 0.1  # of the weights of noise at the size of the image, to begin with: smooth images want none


class Generator(nn.Module):
    """A class-conditional convolutional generator, small enough for a CPU.

    It sees fakes only, so its batch normalisation concerns no record.

    Args:
        channels: of the images.
        size: of the images: 28 or a power of two from 32.
        classes: how many labels.
        latent: size of the noise.
        width: channels at the coarsest grid.
        design: of the run.
    """

    def __init__(
        self, channels: int, size: int, classes: int, *, latent: int, width: int, design: int = CURRENT
    ) -> None:
        super().__init__()
        self.design = design
        doublings = max(2, (size // 8).bit_length() - 1)
        self.base, self.width, self.latent, self.classes = size >> doublings, width, latent, classes
        hidden, coarse = 4 * width, width * self.base**2
        self.dense = nn.Sequential(
            nn.Linear(latent + classes, hidden),
            nn.BatchNorm1d(hidden),
            nn.ReLU(),
            nn.Linear(hidden, coarse),
            nn.BatchNorm1d(coarse),
            nn.ReLU(),
        )
        build = _stages if design >= SHARP else _earlier_stages
        self.stages, self.last = build(width, channels, doublings)

    def forward(self, noise: Tensor, labels: Tensor, random: torch.Generator | None = None) -> Tensor:
        """Images (B, channels, size, size) in [-1, 1].

        Args:
            noise: (B, latent).
            labels: int64 (B,).
            random: of the noise of each place; None takes torch's.
        """
        onehot = F.one_hot(labels, self.classes).to(noise.dtype) * _LABEL_SCALE
        maps = self.dense(torch.cat([noise, onehot], 1)).view(-1, self.width, self.base, self.base)
        sharp = self.design >= SHARP
        with half_precision(noise.device):
            for stage in self.stages:
                maps = stage(_with_noise(maps, random) if sharp else maps)
            painted: Tensor = self.last(maps).float()
        if not sharp:
            painted = F.pixel_shuffle(painted, 2)
        if self.design == CURRENT:
            painted = without_checkerboard(painted)
        elif self.design != FIRST and not sharp:
            painted = smoothed(painted)
        return painted.tanh()

    def draw(self, labels: Tensor, random: torch.Generator) -> Tensor:
        """Images of some classes, from standard normal noise.

        Args:
            labels: int64 (B,).
            random: of the noise.
        """
        noise = torch.randn(len(labels), self.latent, generator=random)
        images: Tensor = self(noise.to(labels.device), labels, random)
        return images


class MovingAverage:
    """The exponential moving average of a network's weights; other buffers are the network's own.

    Args:
        network: where it begins.
        decay: of the average, in the long run.
    """

    def __init__(self, network: Generator, decay: float) -> None:
        self.network = copy.deepcopy(network).eval().requires_grad_(False)
        self.decay, self.updates = decay, 0

    @torch.no_grad()
    def update(self, network: Generator) -> None:
        """Follow the network one step; short averages come first, so that the beginning is forgotten.

        Args:
            network: as it is now.
        """
        self.updates += 1
        decay = min(self.decay, self.updates / (self.updates + 10))
        for average, new in zip(self.network.parameters(), network.parameters(), strict=True):
            average.lerp_(new, 1 - decay)
        for kept, fresh in zip(self.network.buffers(), network.buffers(), strict=True):
            kept.copy_(fresh)


def _stages(width: int, channels: int, doublings: int) -> tuple[nn.Sequential, nn.Conv2d]:
    """Stages that each take noise with their maps: all but one double the grid; the last is at the size of the image.

    Each place becomes four with weights of their own; smoothed, they leave no lattice. What is fine and irregular
    comes from the noise (as in Karras et al. 2019): without it, pictures were smooth blobs with sharp edges.
    """
    stages: list[nn.Module] = []
    for step in range(doublings):
        outputs = min(width, max(width // 2, _FINEST)) if step < doublings - 1 else min(width, _FINEST)
        grown = nn.Conv2d(width + _NOISE, 4 * outputs, 3, padding=1)
        _start_alike(grown)
        shuffled = (nn.PixelShuffle(2), Smoothed(), nn.BatchNorm2d(outputs), nn.ReLU())
        stages.append(nn.Sequential(grown, *shuffled))
        width = outputs
    fine = nn.Conv2d(width + _NOISE, width, 5, padding=2)
    fine.weight.data[:, width:] *= _FINE_NOISE
    stages.append(nn.Sequential(fine, nn.BatchNorm2d(width), nn.ReLU()))
    return nn.Sequential(*stages), nn.Conv2d(width, channels, 3, padding=1, padding_mode="reflect")


def _earlier_stages(width: int, channels: int, doublings: int) -> tuple[nn.Sequential, nn.Conv2d]:
    """Those of runs from before: the last layer paints four pixels for each place of half the image's size."""
    stages: list[nn.Module] = []
    for _ in range(doublings - 1):
        outputs = max(width // 2, 16)
        doubled = nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
        stages += [doubled, nn.Conv2d(width, outputs, 5, padding=2), nn.BatchNorm2d(outputs), nn.ReLU()]
        width = outputs
    last = nn.Conv2d(width, 4 * channels, 5, padding=2)
    _start_alike(last)
    return nn.Sequential(*stages), last


def _start_alike(layer: nn.Conv2d) -> None:
    """No checkerboard to begin with (Aitken et al. 2017): the four outputs of a place have the same weights."""
    for values in (layer.weight, layer.bias):
        assert values is not None
        values.data.copy_(values.data[::4].repeat_interleave(4, 0))


def _with_noise(maps: Tensor, random: torch.Generator | None) -> Tensor:
    noise = torch.randn(len(maps), _NOISE, *maps.shape[2:], generator=random)
    return torch.cat([maps, noise.to(maps)], 1)
