"""One aggregation step of DPAF: aggregate under noise, learn from the aggregate, step the private layers under noise.

After Lin et al. (arXiv 2304.12185), algorithms 1 and 2, with the changes that make it private: divisors known before,
explicit clipping, a private gradient for the layers before the aggregation, joint accounting. Without release 2 it is
noisy feature matching, without release 1 an ordinary DPGAN (Xie et al. 2018).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from guise.dpaf.accounting.settings import PrivacySettings
from guise.dpaf.mechanisms.aggregation import FeatureAggregation
from guise.dpaf.mechanisms.clipping import clip_rows
from guise.dpaf.mechanisms.norms import FEATURE_NORM, GRADIENT_NORM
from guise.dpaf.mechanisms.private_step import PrivateStep
from guise.dpaf.mechanisms.processes import ALONE, Processes
from guise.dpaf.networks.critic import Body, Tail, chosen, hinge, running_mean
from guise.dpaf.networks.generator import Generator
from guise.dpaf.networks.scattering import Scattering
from guise.dpaf.settings import PerformanceSettings
from guise.dpaf.training.moments import by_class, squared_distance
from guise.dpaf.training.stem import Stem
from guise.models.errors import PrivacyError

_FAKES_PER_BLOCK = 32


@dataclass(frozen=True)
class Batch:
    """One Poisson batch: images (B, c, s, s) in [-1, 1], labels and buckets int64 (B,), weights (B,) of `Units`."""

    images: Tensor
    labels: Tensor
    buckets: Tensor
    weights: Tensor | None = None


def tail_steps(privacy: PrivacySettings, performance: PerformanceSettings) -> int:
    """Steps of the tail for each aggregation step: none where nothing uses the tail.

    Args:
        privacy: says whether the private layers are trained.
        performance: says how the generator uses the discriminator.
    """
    asked = performance.critic == "adversarial" or privacy.gradient_noise is not None
    return performance.critic_steps if asked else 0


class Critic:
    """The discriminator and how it learns. All that it keeps was released or comes from fakes.

    Args:
        front: the layers before the private ones: public, or trained privately before.
        classes: how many labels.
        expected: public, the records expected in a batch.
        privacy: the noise; as planned in the ledger.
        performance: steps and learning rates.
        processes: that share each batch.
    """

    def __init__(
        self,
        front: Scattering | Stem,
        classes: int,
        *,
        expected: float,
        privacy: PrivacySettings,
        performance: PerformanceSettings,
        processes: Processes = ALONE,
    ) -> None:
        self.front, self.classes, self.expected = front, classes, expected
        self.privacy, self.performance, self.processes = privacy, performance, processes
        self.body = Body(front.channels, front.grid)
        self.tail = Tail(self.body.grid, classes)
        self.networks = nn.ModuleList([self.body, self.tail])
        if privacy.gradient_noise is None:
            self.body.requires_grad_(False)
        rate = performance.critic_rate
        self.body_optimiser = torch.optim.Adam(self.body.parameters(), rate, betas=(0.5, 0.99))
        self.tail_optimiser = torch.optim.Adam(self.tail.parameters(), rate, betas=(0.5, 0.99))
        self.mean: Tensor | None = None
        self.releases = 0
        self.blocks = torch.arange(classes).repeat(privacy.buckets)

    def mechanism(self, shares: Tensor) -> FeatureAggregation | None:
        """Release 1, or None for an ordinary DPGAN.

        Args:
            shares: (classes,) of the classes, public or released.
        """
        privacy = self.privacy
        if privacy.aggregate_noise is None:
            return None
        divisor = tuple((self.expected / privacy.buckets * shares.double()).tolist())
        return FeatureAggregation(FEATURE_NORM, privacy.aggregate_noise, privacy.buckets, self.classes, divisor)

    def step(
        self,
        batch: Batch,
        generator: Generator,
        shares: Tensor,
        noise: np.random.Generator,
        random: torch.Generator,
    ) -> None:
        """Both releases of one charged draw, and what the discriminator learns from them.

        Args:
            batch: the draw.
            generator: whose fakes the discriminator compares with.
            shares: (classes,) of the classes, public or released.
            noise: of both releases.
            random: of fakes.
        """
        mechanism = self.mechanism(shares)
        if mechanism is None:
            self._ordinary_step(batch, self._fake_maps(generator, random), self.classes * shares, noise)
            return
        released = mechanism.release(self._sums(mechanism, batch), noise).flatten(0, 1)
        self.releases += 1
        self.mean = running_mean(self.mean, released.view(-1, self.classes, released.shape[1]).mean(0), self.releases)
        for _ in range(tail_steps(self.privacy, self.performance)):
            self._tail_step(released, self._fake_aggregate(mechanism, generator, random))
        if self.privacy.gradient_noise is not None:
            fakes = self._fake_aggregate(mechanism, generator, random)
            self._body_step(batch, released, fakes, self.classes * shares, noise)

    @torch.no_grad()
    def recognised_share(self, generator: Generator, shares: Tensor, random: torch.Generator) -> float:
        """The share of fresh fakes that the discriminator takes for fakes. No record is seen, so it costs nothing.

        Args:
            generator: that makes the fakes.
            shares: (classes,) of the classes, public or released.
            random: of the fakes.
        """
        mechanism = self.mechanism(shares)
        if mechanism is None:
            maps, labels = self._fake_maps(generator, random)
            scores = chosen(self.tail(self.body(maps)), labels)
        else:
            scores = chosen(self.tail(self._fake_aggregate(mechanism, generator, random)), self.blocks)
        return float((scores < 0).float().mean())

    def generator_loss(self, fakes: Tensor, labels: Tensor) -> Tensor:
        """What the discriminator has against fakes.

        Args:
            fakes: images, n of each class in turn; gradients flow through.
            labels: int64, of the fakes.

        Raises:
            PrivacyError: nothing was aggregated yet.
        """
        features = clip_rows(self.body(self.front(fakes)), FEATURE_NORM)
        if self.privacy.aggregate_noise is None:
            return -chosen(self.tail(features), labels).mean()
        per_class, classes = by_class(features, labels)
        if self.performance.critic == "matching":
            if self.mean is None:
                raise PrivacyError("nothing was aggregated yet: make a step first")
            return squared_distance(per_class, self.mean[classes])
        return -chosen(self.tail(per_class.mean(1)), classes).mean()

    def _sums(self, mechanism: FeatureAggregation, batch: Batch) -> Tensor:
        total = torch.zeros(mechanism.buckets, mechanism.classes, self.body.width, dtype=torch.float64)
        size = self.performance.physical_batch_size
        with torch.no_grad():
            for start in range(0, len(batch.labels), size):
                rows = slice(start, start + size)
                features = self.body(self.front(batch.images[rows]))
                weights = None if batch.weights is None else batch.weights[rows]
                total += mechanism.sums(features, batch.labels[rows], batch.buckets[rows], weights)
        return self.processes.total(total)

    def _fake_maps(self, generator: Generator, random: torch.Generator) -> tuple[Tensor, Tensor]:
        labels = self.blocks.repeat_interleave(_FAKES_PER_BLOCK)
        with torch.no_grad():
            return self.front(generator.draw(labels, random)), labels

    def _fake_aggregate(self, mechanism: FeatureAggregation, generator: Generator, random: torch.Generator) -> Tensor:
        maps, _ = self._fake_maps(generator, random)
        features = self.body(maps).unflatten(0, (len(self.blocks), _FAKES_PER_BLOCK))
        return mechanism.of_fakes(features, random)

    def _tail_step(self, released: Tensor, fakes: Tensor) -> None:
        real_loss = hinge(chosen(self.tail(released), self.blocks), real=True).mean()
        fake_loss = hinge(chosen(self.tail(fakes.detach()), self.blocks), real=False).mean()
        self.tail_optimiser.zero_grad()
        (real_loss + fake_loss).backward()
        self.tail_optimiser.step()

    def _body_step(
        self, batch: Batch, released: Tensor, fakes: Tensor, frequency: Tensor, noise: np.random.Generator
    ) -> None:
        """Release 2; `frequency` (classes,) of each class over the average class's."""
        released = released.detach().requires_grad_(True)
        losses = hinge(chosen(self.tail(released), self.blocks), real=True)
        # d(mean of losses)/d(record) is this over the records expected: the step's divisor.
        at_blocks = torch.autograd.grad(losses.sum(), released)[0].unflatten(0, (self.privacy.buckets, self.classes))
        cotangents = at_blocks[batch.buckets, batch.labels] / frequency[batch.labels].unsqueeze(1)

        def product(images: Tensor, directions: Tensor) -> Tensor:
            features = clip_rows(self.body(self.front(images)), FEATURE_NORM)
            return (features * directions).sum(1)

        assert self.privacy.gradient_noise is not None
        step = self._private(self.body, self.privacy.gradient_noise)
        private = step((batch.images, cotangents), product, noise, weights=batch.weights)
        fake_loss = hinge(chosen(self.tail(fakes), self.blocks), real=False).mean()
        self._descend(self.body, private, fake_loss, [self.body_optimiser])

    def _ordinary_step(
        self, batch: Batch, fakes: tuple[Tensor, Tensor], frequency: Tensor, noise: np.random.Generator
    ) -> None:
        whole = nn.Sequential(self.body, self.tail)

        def loss(images: Tensor, labels: Tensor) -> Tensor:
            return hinge(chosen(whole(self.front(images)), labels), real=True)

        assert self.privacy.gradient_noise is not None
        step = self._private(whole, self.privacy.gradient_noise)
        private = step((batch.images, batch.labels), loss, noise, weights=batch.weights)
        maps, labels = fakes
        # Records come as often as their class is frequent, fakes do not.
        fake_loss = (frequency[labels] * hinge(chosen(whole(maps), labels), real=False)).mean()
        self._descend(whole, private, fake_loss, [self.body_optimiser, self.tail_optimiser])

    def _private(self, module: nn.Module, noise_multiplier: float) -> PrivateStep:
        size = self.performance.physical_batch_size
        return PrivateStep(
            module, GRADIENT_NORM, noise_multiplier, self.expected, size, self.processes, check_losses=False
        )

    def _descend(
        self, module: nn.Module, private: dict[str, Tensor], fake_loss: Tensor, optimisers: list[torch.optim.Adam]
    ) -> None:
        named = {name: value for name, value in module.named_parameters() if value.requires_grad}
        at_fakes = torch.autograd.grad(fake_loss, list(named.values()))
        for (name, value), gradient in zip(named.items(), at_fakes, strict=True):
            value.grad = private[name] + gradient
        for optimiser in optimisers:
            optimiser.step()
