"""A linear class head on public features, trained by DP-SGD: what the discriminator thinks of classes.

Linear models on scattering features are what private training does best (Tramer and Boneh 2021). As the auxiliary
classifier of a GAN (Odena et al. 2017) it tells the generator which class an image shows, and it labels what is drawn.
Once the head is trained, using it is post-processing.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn

from guise.dpaf.mechanisms.norms import HEAD_NORM
from guise.dpaf.mechanisms.private_step import PrivateStep
from guise.dpaf.mechanisms.processes import ALONE, Processes

_TEMPERATURE = HEAD_NORM  # errors of a softmax have norm 1.4 at most and features 1: nearly no gradient is clipped
_MOMENTUM = 0.9


def averaged_steps(steps: int) -> int:
    """How many of the last iterates a head is the average of.

    Args:
        steps: of its training.
    """
    return (steps + 1) // 2


class ClassHead:
    """The head, its optimiser and the average of its later iterates.

    Args:
        width: of the features.
        classes: how many labels.

    Attributes:
        linear: the head as it is now.
        momentum: of the optimiser, (classes, width).
        total: the sum of the iterates since half of the steps; `average` is what is used.
        counted: how many those are.
    """

    def __init__(self, width: int, classes: int) -> None:
        self.linear = nn.Linear(width, classes, bias=False)
        nn.init.zeros_(self.linear.weight)
        self.momentum = torch.zeros(classes, width)
        self.total = torch.zeros(classes, width)
        self.counted = 0

    def step(
        self,
        features: Tensor,
        labels: Tensor,
        generator: np.random.Generator,
        *,
        noise_multiplier: float,
        divisor: float,
        learning_rate: float,
        average: bool,
        physical_batch_size: int = 256,
        processes: Processes = ALONE,
        weights: Tensor | None = None,
    ) -> None:
        """One private step, to be charged before.

        Args:
            features: (B, width), of norm 1: one Poisson batch, perhaps empty.
            labels: int64 (B,).
            generator: of the noise.
            noise_multiplier: as charged.
            divisor: public, the records expected in a batch.
            learning_rate: of gradient descent with momentum.
            average: whether this iterate counts.
            physical_batch_size: records worked on at once.
            processes: that share the batch.
            weights: (B,), of `Units`; None for 1 each.
        """

        def loss(rows: Tensor, targets: Tensor) -> Tensor:
            return nn.functional.cross_entropy(_TEMPERATURE * self.linear(rows.float()), targets, reduction="none")

        step = PrivateStep(
            self.linear, HEAD_NORM, noise_multiplier, divisor, physical_batch_size, processes, check_losses=False
        )
        gradient = step((features, labels), loss, generator, weights=weights)["weight"]
        with torch.no_grad():
            self.momentum.mul_(_MOMENTUM).add_(gradient)
            self.linear.weight.sub_(learning_rate * self.momentum)
            if average:
                self.total.add_(self.linear.weight)
                self.counted += 1

    @property
    def average(self) -> Tensor:
        """The weights to use: (classes, width)."""
        return self.total / self.counted if self.counted else self.linear.weight.detach()

    def logits(self, features: Tensor) -> Tensor:
        """Unnormalised log-probabilities (B, classes) of public features.

        Args:
            features: (B, width), of norm 1.
        """
        return _TEMPERATURE * features @ self.average.T

    def trust(self, steps: int, *, divisor: float, noise_multiplier: float, learning_rate: float) -> float:
        """The share of the squared norm of the averaged weights that is not noise, from 0 to 1, as estimated.

        Noise is taken to add up as if no gradient ever pulled it back, so this errs on the low side.

        Args:
            steps: of the training.
            divisor: as in each step.
            noise_multiplier: as charged.
            learning_rate: as in each step.
        """
        norm = float(self.average.square().sum())
        reach = (1 - _MOMENTUM ** np.arange(1, steps + 1)) / (1 - _MOMENTUM)  # of a step's gradient, by iterates since
        counted = averaged_steps(steps)
        # What the average holds of the gradient of the step that has `left` to go, itself included.
        shares = np.array([reach[max(0, left - counted) : left].sum() / counted for left in range(1, steps + 1)])
        each = learning_rate * noise_multiplier * HEAD_NORM / divisor
        noise = self.average.numel() * each**2 * float((shares**2).sum())
        return max(0.0, 1 - noise / norm) if norm else 0.0
