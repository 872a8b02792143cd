"""The discriminator's first layer, learnt privately, in the place of the fixed wavelets.

It is stage 1 of Lin et al. (arXiv 2304.12185): a classifier is trained and its first layer is kept. In the paper only
that layer's gradient gets noise, while the later layers learn from the records themselves and shape it. Here all layers
are trained by DP-SGD, each record's loss depends on that record alone, and all of it is charged.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from guise.dpaf.mechanisms.norms import STEM_NORM
from guise.dpaf.mechanisms.private_step import PrivateStep
from guise.dpaf.mechanisms.processes import ALONE, Processes

_MAPS = 32


class Stem(nn.Module):
    """One convolution, averaged over a coarse grid; no record affects another.

    Args:
        channels: of the images.
        grid: height and width of the maps.

    Attributes:
        channels: maps for each image.
    """

    def __init__(self, channels: int, grid: int) -> None:
        super().__init__()
        self.channels, self.grid = _MAPS, grid
        self.conv = nn.Conv2d(channels, _MAPS, 5, stride=2, padding=2)

    def forward(self, images: Tensor) -> Tensor:
        """Maps (B, self.channels, grid, grid) of images.

        Args:
            images: (B, channels, size, size) in [-1, 1].
        """
        return F.adaptive_avg_pool2d(F.leaky_relu(self.conv(images), 0.2), self.grid)


class StemTraining:
    """A stem, the linear classifier that it is trained with, and their optimiser. Between steps it holds no record.

    Args:
        channels: of the images.
        grid: of the stem's maps.
        classes: two at least.
        learning_rate: of Adam.
    """

    def __init__(self, channels: int, grid: int, classes: int, *, learning_rate: float) -> None:
        self.stem = Stem(channels, grid).requires_grad_(False)
        self.classifier = nn.Sequential(self.stem, nn.Flatten(), nn.Linear(_MAPS * grid**2, classes))
        self.optimiser = torch.optim.Adam(self.classifier.parameters(), learning_rate)

    def step(
        self,
        images: Tensor,
        labels: Tensor,
        generator: np.random.Generator,
        *,
        noise_multiplier: float,
        divisor: float,
        physical_batch_size: int = 256,
        processes: Processes = ALONE,
        weights: Tensor | None = None,
    ) -> None:
        """One private step of all layers, to be charged before.

        Args:
            images: (B, channels, size, size) in [-1, 1]: one Poisson batch, perhaps empty.
            labels: int64 (B,).
            generator: of the noise.
            noise_multiplier: as charged.
            divisor: public, the records expected in a batch.
            physical_batch_size: records worked on at once.
            processes: that share the batch.
            weights: (B,), of `Units`; None for 1 each.
        """

        def loss(rows: Tensor, targets: Tensor) -> Tensor:
            return F.cross_entropy(self.classifier(rows), targets, reduction="none")

        self.classifier.requires_grad_(True)
        step = PrivateStep(
            self.classifier, STEM_NORM, noise_multiplier, divisor, physical_batch_size, processes, check_losses=False
        )
        gradients = step((images, labels), loss, generator, weights=weights)
        for name, value in self.classifier.named_parameters():
            value.grad = gradients[name]
        self.optimiser.step()
        self.classifier.requires_grad_(False)  # what comes after uses the stem and does not train it
