"""The game of an audit: the very mechanisms that training uses, on a small world with one hostile canary."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from guise.dpaf.accounting.accountants import Phase
from guise.dpaf.accounting.settings import AGGREGATION, HEAD, MOMENTS, STEM, PrivacySettings
from guise.dpaf.mechanisms.aggregation import FeatureAggregation
from guise.dpaf.mechanisms.private_step import PrivateStep
from guise.dpaf.mechanisms.sampling import PoissonSampler
from guise.dpaf.mechanisms.units import Units

_WIDTH = 4
_OTHERS = 8
_HOSTILE = 50.0

Draw = Callable[[int, float, int, np.random.Generator], Sequence[NDArray[np.int64]]]
"""Given records, rate and steps, the batches of a run."""


def poisson(records: int, rate: float, steps: int, random: np.random.Generator) -> list[NDArray[np.int64]]:
    """The batches that training draws.

    Args:
        records: how many there are.
        rate: at which each is drawn.
        steps: how many batches.
        random: of the draws.
    """
    sampler = PoissonSampler(records, rate)
    return [sampler.draw(random) for _ in range(steps)]


@dataclass(frozen=True)
class CanaryGame:
    """One run of aggregation steps at both releases; the score is the likelihood ratio of the canary having been there.

    The canary's feature and gradient point one way, all others' the other way or nowhere, and the canary is far beyond
    every bound. So a mechanism that does not clip, or does not add the noise that was paid for, is found out.

    Attributes:
        sampling_rate: of the run.
        steps: of the run.
        aggregate_noise: sigma_a of release 1; None leaves that release out.
        gradient_noise: sigma_g of release 2; None leaves that release out.
        others: what the other records hold along the canary's direction: 0 or -1.
        images: of each person, where people are protected; the canary has as many. None where images are.
        draw: the batches of units under audit; those of training by default.
        aggregation: release 1 under audit; that of training by default.
        private_step: release 2 under audit; that of training by default.
        units: how people are drawn and weighed under audit; as in training by default.
    """

    sampling_rate: float
    steps: int
    aggregate_noise: float | None
    gradient_noise: float | None
    others: float = 0.0
    images: int | None = None
    draw: Draw = poisson
    aggregation: type[FeatureAggregation] = FeatureAggregation
    private_step: type[PrivateStep] = PrivateStep
    units: type[Units] = Units
    _module: nn.Linear = field(default_factory=lambda: nn.Linear(_WIDTH, 1, bias=False))

    def __call__(self, present: bool, random: np.random.Generator) -> float:
        """The score of one run.

        Args:
            present: whether the canary is there.
            random: of everything in the run.
        """
        records = torch.zeros(_OTHERS + present, _WIDTH)
        records[:, 0] = self.others
        if present:
            records[-1, 0] = _HOSTILE
        if self.images is None:
            batches = self.draw(len(records), self.sampling_rate, self.steps, random)
            return sum(self._evidence(records[torch.from_numpy(rows)], None, random) for rows in batches)
        people = torch.arange(len(records)).repeat_interleave(self.images)
        units, score = self.units(people, len(people)), 0.0
        for _ in range(self.steps):
            rows = units.draw(self.sampling_rate, random)
            score += self._evidence(records[people[rows]], units.weights(rows), random)
        return score

    def _evidence(self, batch: Tensor, weights: Tensor | None, random: np.random.Generator) -> float:
        """Log-likelihood ratio of one step's releases, for a canary that is drawn with the sampling rate."""
        expected = self.sampling_rate * _OTHERS * self.others
        zeros = torch.zeros(len(batch), dtype=torch.long)
        ratio = 0.0
        if self.aggregate_noise is not None:
            mechanism = self.aggregation(1.0, self.aggregate_noise, buckets=1, classes=1, divisor=float(_OTHERS))
            released = mechanism.release(mechanism.sums(batch, zeros, zeros, weights), random)
            ratio += _log_ratio(float(released[0, 0, 0]) * _OTHERS - expected, self.aggregate_noise)
        if self.gradient_noise is not None:
            step = self.private_step(self._module, 1.0, self.gradient_noise, float(_OTHERS))
            gradient = step((batch,), lambda rows: self._module(rows).sum(1), random, weights=weights)["weight"]
            ratio += _log_ratio(float(gradient[0, 0]) * _OTHERS - expected, self.gradient_noise)
        if self.sampling_rate == 1:
            return ratio
        return math.log1p(self.sampling_rate * math.expm1(min(ratio, 700.0)))


def games_of(phase: Phase, privacy: PrivacySettings, *, images: int | None = None) -> list[CanaryGame]:
    """Games with the rate, the steps and the noise of a phase, at the releases that it makes.

    In one game the others hold nothing, in the other the opposite of the canary: only the latter finds a division by
    the number that was drawn.

    Args:
        phase: of the ledger's plan.
        privacy: the run's settings.
        images: that a person may give, where people are protected.
    """
    noise = {
        MOMENTS: (phase.noise_multiplier, None),
        HEAD: (None, phase.noise_multiplier),
        STEM: (None, phase.noise_multiplier),
        AGGREGATION: (privacy.aggregate_noise, privacy.gradient_noise),
    }[phase.name]
    rate, steps = phase.sampling_rate, phase.steps
    return [CanaryGame(rate, steps, *noise, others=others, images=images) for others in (0.0, -1.0)]


def _log_ratio(shift: float, noise: float) -> float:
    return (shift - 0.5) / noise**2
