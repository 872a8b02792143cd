"""The generator: noise and a class to an image."""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from guise.models.networks.precision import half_precision

_LABEL_SCALE = 2.0


class Generator(nn.Module):
    """A class-conditional convolutional generator, small enough for a CPU.

    It sees fakes only, so its batch normalisation concerns no record.

    Args:
        channels: of the images.
        size: of the images: 28 or a power of two from 32.
        classes: how many labels.
        latent: size of the noise.
        width: channels at the coarsest grid.
        smooth: average neighbouring pixels of what the last layer gives. Version 0.1 did not.
    """

    def __init__(self, channels: int, size: int, classes: int, *, latent: int, width: int, smooth: bool = True) -> None:
        super().__init__()
        self.smooth = smooth
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
        stages: list[nn.Module] = []
        inputs = width
        for _ in range(doublings - 1):
            outputs = max(inputs // 2, 16)
            stages += [_doubled(), nn.Conv2d(inputs, outputs, 5, padding=2), nn.BatchNorm2d(outputs), nn.ReLU()]
            inputs = outputs
        self.stages = nn.Sequential(*stages)
        # Four values for each pixel of the grid before: a quarter of the work of one for each pixel of the image. Each
        # of the four has weights of its own, so checkerboards would cost nothing. `smoothed` takes them away.
        self.last = nn.Conv2d(inputs, 4 * channels, 5, padding=2)
        alike = self.last.weight.data[::4].repeat_interleave(4, 0)  # no checkerboard to begin with (Aitken et al. 2017)
        self.last.weight.data.copy_(alike)

    def forward(self, noise: Tensor, labels: Tensor) -> Tensor:
        """Images (B, channels, size, size) in [-1, 1].

        Args:
            noise: (B, latent).
            labels: int64 (B,).
        """
        onehot = F.one_hot(labels, self.classes).to(noise.dtype) * _LABEL_SCALE
        coarse = self.dense(torch.cat([noise, onehot], 1)).view(-1, self.width, self.base, self.base)
        with half_precision(noise.device):
            fine = self.last(self.stages(coarse))
        pixels = F.pixel_shuffle(fine.float(), 2)
        return (smoothed(pixels) if self.smooth else pixels).tanh()

    def draw(self, labels: Tensor, random: torch.Generator) -> Tensor:
        """Images of some classes, from standard normal noise.

        Args:
            labels: int64 (B,).
            random: of the noise.
        """
        noise = torch.randn(len(labels), self.latent, generator=random)
        images: Tensor = self(noise.to(labels.device), labels)
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


def smoothed(images: Tensor) -> Tensor:
    """Images (B, c, h, w) under the kernel (1, 2, 1) / 4 along both axes, mirrored at the edges.

    What changes its sign from pixel to pixel becomes zero, what keeps to four pixels or more keeps half or more.

    Args:
        images: (B, c, h, w).
    """
    for axis in (2, 3):
        count = images.shape[axis]
        first, last = images.narrow(axis, 0, 1), images.narrow(axis, count - 1, 1)
        before = torch.cat([first, images.narrow(axis, 0, count - 1)], axis)
        after = torch.cat([images.narrow(axis, 1, count - 1), last], axis)
        images = 0.5 * images + 0.25 * (before + after)
    return images


def _doubled() -> nn.Module:
    return nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False)
