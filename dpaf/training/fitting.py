"""Generator steps on what was released already: post-processing, as many as wanted."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from guise.dpaf.mechanisms.processes import ALONE, Processes, average_gradients
from guise.dpaf.networks.features import PublicFeatures
from guise.dpaf.networks.generator import Generator
from guise.dpaf.training.augmentation import augmented
from guise.dpaf.training.moments import by_class, squared_distance
from guise.dpaf.training.run_settings import RunSettings
from guise.dpaf.training.state import TrainingState

_MOST_TRUSTED = 2.5  # times the weight, of a head without any noise

Loss = Callable[[Tensor, Tensor, torch.Generator], Tensor]
"""Of fakes, n of each class in turn, their labels int64, and chance."""


class Adversary(Protocol):
    """What has something against fakes: a discriminator, or students."""

    def generator_loss(self, fakes: Tensor, labels: Tensor) -> Tensor:
        """What it has against fakes.

        Args:
            fakes: images, n of each class in turn; gradients flow through.
            labels: int64, of the fakes.
        """


@dataclass(frozen=True)
class Fitting:
    """How well fakes fit the released means and the class head; holds no record.

    Attributes:
        features: public.
        means: released (classes, moments_width - 1), or None.
        verdict: of the class head, logits (B, classes) of public features; None without one.
        head_weight: weight of the head's verdict; the means have weight 1.
    """

    features: PublicFeatures
    means: Tensor | None
    verdict: Callable[[Tensor], Tensor] | None
    head_weight: float

    @classmethod
    def of(cls, state: TrainingState, settings: RunSettings) -> Fitting:
        """Fitting to what a run has released.

        Args:
            state: with means, and with a head whose steps are all made.
            settings: of the run.
        """
        weight, head, privacy = settings.performance.head_weight, state.head, settings.privacy
        if head is not None:
            trust = head.trust(
                privacy.head_steps,
                divisor=privacy.head_rate * settings.records,
                noise_multiplier=privacy.head_noise,
                learning_rate=settings.performance.head_learning_rate,
            )
            weight *= max(1.0, _MOST_TRUSTED * trust)  # else the generator would be fitted to the head's noise
        return cls(state.features, state.means, state.verdict, weight)

    def loss(self, fakes: Tensor, labels: Tensor, random: torch.Generator) -> Tensor:
        """How far fakes are from what was released.

        Args:
            fakes: (classes * n, channels, size, size), n of each class in turn.
            labels: int64 (classes * n,).
            random: of the changes to the half of fakes that the class head is not asked about as they are.
        """
        loss, seen = fakes.new_zeros(()), self.features(fakes)
        if self.means is not None:
            moments, classes = by_class(self.features.moments(fakes, seen)[:, :-1], labels)
            apart = squared_distance(moments, self.means[classes])
            loss = loss + self.features.loss_weight * apart
        if self.verdict is not None:
            as_they_are, changed = seen[::2], self.features(augmented(fakes[1::2], random))
            verdict, shown = self.verdict(torch.cat([as_they_are, changed])), torch.cat([labels[::2], labels[1::2]])
            loss = loss + self.head_weight * F.cross_entropy(verdict, shown)
        return loss

    def with_adversary(self, adversary: Adversary, weight: float) -> Loss:
        """The loss of fakes that an adversary sees as well.

        Args:
            adversary: that has learnt something.
            weight: of what it has against fakes.
        """

        def loss(fakes: Tensor, labels: Tensor, random: torch.Generator) -> Tensor:
            against = weight * adversary.generator_loss(fakes, labels)
            return against if self.empty else against + self.loss(fakes, labels, random)

        return loss

    @property
    def empty(self) -> bool:
        """Whether nothing was released that fakes could be fitted to."""
        return self.means is None and self.verdict is None


def labels_of_a_step(classes: int, most: int, fakes: int, random: torch.Generator) -> Tensor:
    """Labels (k * fakes,) of a generator step: of k <= `most` classes, chosen at random.

    Args:
        classes: how many there are.
        most: classes in one step.
        fakes: of each class that is chosen.
        random: chooses the classes.
    """
    picked = torch.randperm(classes, generator=random)[: min(classes, most)].sort().values
    return picked.repeat_interleave(fakes)


def generator_step(
    generator: Generator, optimiser: torch.optim.Optimizer, loss: Tensor, processes: Processes = ALONE
) -> None:
    """One descent step on each process's loss of its fakes; a step that is not finite is left out.

    Args:
        generator: that is trained.
        optimiser: of the generator.
        loss: of this process's fakes.
        processes: that share the step.
    """
    optimiser.zero_grad()
    loss.backward()
    if not average_gradients(generator, processes):
        return
    torch.nn.utils.clip_grad_norm_(generator.parameters(), 1.0)
    optimiser.step()
