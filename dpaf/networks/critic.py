"""The discriminator, cut where DPAF cuts it: first layer, private layers, aggregation, the rest.

In front: the scattering network, which is public, or a `Stem`, trained privately; the paper's conv1. Private: `Body`,
its conv2. After the aggregation: `Tail`, conv3 and a score for each class.
"""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

MAPS = 16  # few and coarse: noise in an aggregate grows with its size, the signal does not


class Body(nn.Module):
    """Maps of the first layer to the features that are aggregated.

    Args:
        channels: maps that it is given.
        grid: their height and width.
    """

    def __init__(self, channels: int, grid: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(channels, MAPS, 3, stride=2, padding=1)
        self.norm = nn.InstanceNorm2d(MAPS)
        self.grid = (grid + 1) // 2
        self.width = MAPS * self.grid**2

    def forward(self, maps: Tensor) -> Tensor:
        """Features (B, width); no record affects another.

        Args:
            maps: (B, channels, grid, grid).
        """
        features: Tensor = self.norm(self.conv(maps)).flatten(1)
        return features / math.sqrt(self.width)  # instance normalisation leaves a norm of about width^0.5: now 1


class Tail(nn.Module):
    """Aggregated features, or one record's, to a score for each class: high for real ones.

    Args:
        grid: of the body's features.
        classes: how many scores.
    """

    def __init__(self, grid: int, classes: int) -> None:
        super().__init__()
        self.grid = grid
        self.conv = nn.Conv2d(MAPS, 4 * MAPS, 3, padding=1)
        self.score = nn.Linear(4 * MAPS * grid**2, classes)

    def forward(self, features: Tensor) -> Tensor:
        """Scores (B, classes).

        Args:
            features: (B, width).
        """
        maps = features.view(-1, MAPS, self.grid, self.grid) * (MAPS * self.grid**2) ** 0.5
        scores: Tensor = self.score(F.leaky_relu(self.conv(maps), 0.2).flatten(1))
        return scores


def chosen(scores: Tensor, labels: Tensor) -> Tensor:
    """The score (B,) of each row's own class.

    Args:
        scores: (B, classes).
        labels: int64 (B,).
    """
    return scores.gather(1, labels.unsqueeze(1)).squeeze(1)


def hinge(scores: Tensor, *, real: bool) -> Tensor:
    """Hinge losses (B,) of a discriminator (Lim and Ye 2017).

    Args:
        scores: (B,), high for what it takes for real.
        real: whether they are of real images.
    """
    return F.relu(1 - scores) if real else F.relu(1 + scores)


def running_mean(before: Tensor | None, value: Tensor, count: int, *, most: int = 50) -> Tensor:
    """The mean over the last releases: less noise for nothing.

    Args:
        before: the mean so far; None before the first release.
        value: the new release.
        count: releases so far, with the new one.
        most: about how many of them count.
    """
    return value if before is None else torch.lerp(before, value, 1 / min(count, most))
