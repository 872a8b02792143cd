"""Aggregation in the forward phase with an adversary that needs no record to learn: students of the fakes.

DPAF (Lin et al., arXiv 2304.12185) puts noise into an aggregated feature, so that what comes after it is
post-processing, and has to pay for the layers before it as well. Here those layers learn from fakes: a network is
taught to tell the classes of fakes, as those will do who get the images. What it makes of the real images is then
aggregated under noise, once. Where it takes a real class for something else than the fakes of that class, what it
learnt from fakes does not hold for real images, and there the generator is corrected.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import torch
from torch import Tensor, nn

from guise.dpaf.accounting.settings import PrivacySettings
from guise.dpaf.mechanisms.aggregation import FeatureAggregation
from guise.dpaf.mechanisms.norms import FEATURE_NORM
from guise.dpaf.mechanisms.processes import ALONE, Processes
from guise.dpaf.networks.generator import Generator
from guise.dpaf.networks.student import Student
from guise.dpaf.training.moments import by_class, squared_distance
from guise.models.errors import InputError

_LEARNING_RATE = 2e-3


class Students:
    """A student for each aggregation step, and what was released of real images' features in it.

    Guarantees:
        * Students learn from fakes only, so nothing is charged for that.
        * One record, or one person with all of theirs, moves a release by the norm that is charged at most: features
          are clipped to that, and a person's are weighed so that they add up to no more (`Units`).

    Args:
        channels: of the images.
        size: height and width of the images.
        classes: how many labels.
        expected: public, the records expected in a batch.
        privacy: the noise; as planned in the ledger. Its rate may be 1: all records in each step.
        steps: of a student's learning.
        processes: that share each batch.

    Attributes:
        means: released, one (classes, width) for each student that has looked at real images.
        trust: in [0, 1], of each of these: how much of what sets them apart from the fakes' is not noise.

    Raises:
        InputError: the plan releases no features, or gradients, for which students have no use.
    """

    def __init__(
        self,
        channels: int,
        size: int,
        classes: int,
        *,
        expected: float,
        privacy: PrivacySettings,
        steps: int,
        processes: Processes = ALONE,
    ) -> None:
        if privacy.aggregate_noise is None or privacy.gradient_noise is not None:
            raise InputError("students release features only: give `aggregate_noise=`, and `gradient_noise=None`")
        self.networks = nn.ModuleList(Student(channels, size, classes, seed=at) for at in range(privacy.steps))
        self.networks.requires_grad_(False)
        self.classes, self.expected, self.privacy = classes, expected, privacy
        self.steps, self.processes = steps, processes
        self.means: list[Tensor] = []
        self.trust: list[float] = []

    def mechanism(self, shares: Tensor) -> FeatureAggregation:
        """The release of one step.

        Args:
            shares: (classes,) of the classes, public or released.
        """
        assert self.privacy.aggregate_noise is not None
        divisor = tuple((self.expected * shares.double()).tolist())
        return FeatureAggregation(FEATURE_NORM, self.privacy.aggregate_noise, 1, self.classes, divisor)

    def teach(self, generator: Generator, random: torch.Generator) -> None:
        """Let the next student learn from fakes. No record is needed, so this comes before a charge.

        Args:
            generator: that makes the fakes.
            random: of the fakes, the same in all processes.
        """
        self._next.learn(generator, random, steps=self.steps, learning_rate=_LEARNING_RATE)

    def look(
        self,
        chunks: Iterable[tuple[Tensor, Tensor, Tensor | None]],
        generator: Generator,
        shares: Tensor,
        noise: np.random.Generator,
        random: torch.Generator,
    ) -> None:
        """The release of one charged draw: what the student that was taught last makes of it.

        Args:
            chunks: (images, labels, weights of `Units`) of the draw's records, or those of this process.
            generator: whose fakes the release is compared with.
            shares: (classes,) of the classes, public or released.
            noise: of the release.
            random: of the fakes, the same in all processes.
        """
        student, mechanism = self._next, self.mechanism(shares)
        total = torch.zeros(1, self.classes, student.width, dtype=torch.float64)
        with torch.no_grad():
            for images, labels, weights in chunks:
                total += mechanism.sums(student(images), labels, torch.zeros_like(labels), weights)
        means = mechanism.release(self.processes.total(total), noise)[0]
        self.means.append(means)
        self.trust.append(_trust(student.of_fakes(generator, random), means, mechanism.noise_energy(student.width)))

    def generator_loss(self, fakes: Tensor, labels: Tensor) -> Tensor:
        """How far fakes are from what students have seen in real images, by as much as that can be trusted.

        Args:
            fakes: images, n of each class in turn; gradients flow through.
            labels: int64, of the fakes.
        """
        loss = fakes.new_zeros(())
        for student, means, trust in zip(self._students(), self.means, self.trust, strict=False):
            per_class, classes = by_class(student(fakes), labels)
            loss = loss + trust * squared_distance(per_class, means[classes])
        return loss

    def tensors(self) -> dict[str, Tensor]:
        """Everything, by name."""
        released = {f"means.{at}": value for at, value in enumerate(self.means)}
        return self.networks.state_dict() | released | {"trust": torch.tensor(self.trust, dtype=torch.float64)}

    def load(self, tensors: Mapping[str, Tensor]) -> None:
        """Take up what `tensors` gave.

        Args:
            tensors: by name.

        Raises:
            KeyError, RuntimeError: they come from other settings.
        """
        own = {name: value for name, value in tensors.items() if not name.startswith(("means.", "trust"))}
        self.networks.load_state_dict(own)
        self.means = [tensors[f"means.{at}"] for at in range(sum(name.startswith("means.") for name in tensors))]
        self.trust = tensors.get("trust", torch.ones(len(self.means))).tolist()  # design 2 trusted all alike

    @property
    def _next(self) -> Student:
        return self._students()[len(self.means)]

    def _students(self) -> list[Student]:
        return [network for network in self.networks if isinstance(network, Student)]


def _trust(fakes: Tensor, means: Tensor, noise: float) -> float:
    """The share of the squared distance between fakes and released means that is not their noise, as estimated.

    With few records, noise is nearly all that there is, and fakes that were fitted to it would be worse than before.

    Args:
        fakes: features (classes, n, width) of n fakes of each class.
        means: released, (classes, width).
        noise: expected squared norm of the noise in one class's means, averaged over classes.
    """
    apart = max(0.0, float(squared_distance(fakes, means)) - noise)
    return apart / (apart + noise)
