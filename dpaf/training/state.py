"""All that training goes on from: released values and what was learnt from them; no record and no seed."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from guise.dpaf.accounting.settings import PrivacySettings
from guise.dpaf.mechanisms.processes import ALONE, Processes
from guise.dpaf.networks.designs import CURRENT
from guise.dpaf.networks.features import PublicFeatures
from guise.dpaf.networks.generator import Generator, MovingAverage
from guise.dpaf.settings import PerformanceSettings
from guise.dpaf.training.aggregation_step import Critic
from guise.dpaf.training.head import ClassHead
from guise.dpaf.training.stem import StemTraining
from guise.dpaf.training.students import Students
from guise.dpaf.training.tensors import below, into_optimiser, of_optimiser


class TrainingState:
    """Networks, optimisers and counters of one run.

    Args:
        channels: of the images.
        size: height and width of the images.
        classes: how many labels.
        records: the public number of records, on which rates and divisors are based.
        privacy: which phases there are.
        performance: sizes of networks and learning rates.
        design: of the public features and the generator.
        seed: of the initial weights, which are public.
        processes: that share the batches.

    Attributes:
        means: released (classes, moments_width - 1); None before.
        shares: of the classes (classes,), released with the means; all alike before.
    """

    def __init__(
        self,
        channels: int,
        size: int,
        classes: int,
        *,
        records: int,
        privacy: PrivacySettings,
        performance: PerformanceSettings,
        design: int = CURRENT,
        seed: int = 0,
        processes: Processes = ALONE,
    ) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)  # initial weights only, and the caller's generator is put back
            self.features = PublicFeatures(channels, size, design=design)
            shape = {"latent": performance.latent, "width": performance.width}
            self.generator = Generator(channels, size, classes, **shape, design=design)
            self.critic: Critic | None = None
            self.stem: StemTraining | None = None
            if privacy.stem_steps:
                grid, rate = self.features.scattering.grid, performance.critic_rate
                self.stem = StemTraining(channels, grid, classes, learning_rate=rate)
            self.students: Students | None = None
            expected = privacy.sampling_rate * records
            if privacy.steps and performance.critic == "student":
                self.students = Students(
                    channels,
                    size,
                    classes,
                    expected=expected,
                    privacy=privacy,
                    steps=performance.critic_steps,
                    processes=processes,
                )
            elif privacy.steps:
                self.critic = Critic(
                    self.stem.stem if self.stem else self.features.scattering,
                    classes,
                    expected=expected,
                    privacy=privacy,
                    performance=performance,
                    processes=processes,
                )
        self.average = MovingAverage(self.generator, performance.average)
        self.optimiser = torch.optim.Adam(self.generator.parameters(), performance.learning_rate, betas=(0.5, 0.99))
        self.head = ClassHead(self.features.width, classes) if privacy.head_steps else None
        self.means: Tensor | None = None
        self.shares = torch.full((classes,), 1 / classes)
        self.fitted = 0

    @property
    def verdict(self) -> Callable[[Tensor], Tensor] | None:
        """What the class head makes of public features: logits (B, classes); None without a head.

        As if classes were equally frequent: a head that learnt from few images of a class doubts it (Menon et al.,
        "Long-tail learning via logit adjustment", ICLR 2021). Earlier designs take the head as it is.
        """
        head = self.head
        if head is None:
            return None
        if self.generator.design < CURRENT:
            return head.logits
        return lambda features: head.logits(features) - self.shares.log()

    def tensors(self) -> dict[str, Tensor]:
        """Everything, by name."""
        named = {f"generator.{name}": value for name, value in self.generator.state_dict().items()}
        named |= {f"average.{name}": value for name, value in self.average.network.state_dict().items()}
        named |= of_optimiser("optimiser", self.optimiser)
        named["counters"] = torch.tensor([self.fitted, self.average.updates])
        if self.means is not None:
            named |= {"means": self.means, "shares": self.shares}
        if self.head is not None:
            named |= {"head.weight": self.head.linear.weight, "head.momentum": self.head.momentum}
            named |= {"head.total": self.head.total, "head.counted": torch.tensor(self.head.counted)}
        if self.stem is not None:
            named |= {f"stem.{name}": value for name, value in self.stem.classifier.state_dict().items()}
            named |= of_optimiser("stem_optimiser", self.stem.optimiser)
        if self.critic is not None:
            named |= {f"critic.{name}": value for name, value in self.critic.networks.state_dict().items()}
            named |= of_optimiser("body", self.critic.body_optimiser)
            named |= of_optimiser("tail", self.critic.tail_optimiser)
            named["critic.releases"] = torch.tensor(self.critic.releases)
            if self.critic.mean is not None:
                named["critic.mean"] = self.critic.mean
        if self.students is not None:
            named |= {f"students.{name}": value for name, value in self.students.tensors().items()}
        return {name: value.detach().clone().contiguous() for name, value in named.items()}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up what `tensors` gave.

        Args:
            tensors: by name.

        Raises:
            KeyError, RuntimeError: they come from other settings.
        """
        self.generator.load_state_dict(below(tensors, "generator."))
        self.average.network.load_state_dict(below(tensors, "average."))
        into_optimiser("optimiser", self.optimiser, tensors)
        self.fitted, self.average.updates = (int(value) for value in tensors["counters"])
        self.means, self.shares = tensors.get("means"), tensors.get("shares", self.shares)
        if self.head is not None:
            self.head.linear.load_state_dict({"weight": tensors["head.weight"]})
            self.head.momentum, self.head.total = tensors["head.momentum"], tensors["head.total"]
            self.head.counted = int(tensors["head.counted"])
        if self.stem is not None:
            self.stem.classifier.load_state_dict(below(tensors, "stem."))
            into_optimiser("stem_optimiser", self.stem.optimiser, tensors)
        if self.critic is not None:
            named = below(tensors, "critic.")
            self.critic.releases = int(named.pop("releases"))
            self.critic.mean = named.pop("mean", None)
            self.critic.networks.load_state_dict(named)
            into_optimiser("body", self.critic.body_optimiser, tensors)
            into_optimiser("tail", self.critic.tail_optimiser, tensors)
        if self.students is not None:
            self.students.load(below(tensors, "students."))
