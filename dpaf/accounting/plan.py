"""What a run would spend and how long it would take, before it spends anything."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace

import numpy as np
import torch

from guise.dpaf import validate
from guise.dpaf.accounting.accountants import Phase, epsilon_pld, epsilon_prv
from guise.dpaf.data import Records
from guise.dpaf.settings import HEAD, MOMENTS, STEM, STEPS, PerformanceSettings, PrivacySettings
from guise.dpaf.training.fitting import Fitting, labels_of_a_step
from guise.dpaf.training.head import TEMPERATURE
from guise.dpaf.training.moments import MOMENTS_NORM
from guise.dpaf.training.state import TrainingState
from guise.dpaf.training.stem import STEM_NORM
from guise.dpaf.training.superstep import FEATURE_NORM, GRADIENT_NORM, tail_steps

_LEAST_STEPS = 50
_LEAST_FAKES = 128  # in a generator step, over all classes


@dataclass(frozen=True)
class Release:
    """A noisy sum over a batch, as each step of a phase releases it.

    Attributes:
        name: what is summed.
        noise_multiplier: standard deviation of the noise over `max_norm`.
        max_norm: the bound on the norm of what one record adds.
        divisor: public, of sum and noise; that of an average class where classes are told apart.
    """

    name: str
    noise_multiplier: float
    max_norm: float
    divisor: float

    def __str__(self) -> str:
        return f"{self.name}: noise {self.noise_multiplier:.4g}, norm {self.max_norm:g}, over {self.divisor:.5g}"


@dataclass(frozen=True)
class PlannedPhase:
    """One phase of a plan.

    Attributes:
        phase: what is released.
        epsilon: of this phase by itself; those of all phases do not add up.
        expected_batch: records in a batch on average.
        releases: of each step; the phase's noise multiplier is that of all together.
    """

    phase: Phase
    epsilon: float
    expected_batch: float
    releases: tuple[Release, ...]


@dataclass(frozen=True)
class Plan:
    """A run before it has spent anything.

    Attributes:
        phases: in order.
        epsilon: of all together, by dp-accounting's privacy loss distributions: the one that binds.
        epsilon_prv: the same by Opacus, as a check.
        delta: for both.
        seconds: expected on this machine.
    """

    phases: tuple[PlannedPhase, ...]
    epsilon: float
    epsilon_prv: float
    delta: float
    seconds: float


def without_classifiers(privacy: PrivacySettings, classes: int) -> PrivacySettings:
    """The settings for data of so many classes: a classifier needs two."""
    return privacy if classes > 1 else replace(privacy, head_steps=0, stem_steps=0)


def releases(privacy: PrivacySettings, *, records: int, classes: int) -> dict[str, tuple[Release, ...]]:
    """What each step of each phase releases."""
    found: dict[str, tuple[Release, ...]] = {}
    if privacy.moments_noise is not None:
        found[MOMENTS] = (Release("feature sums by class", privacy.moments_noise, MOMENTS_NORM, 1.0),)
    if privacy.head_steps:
        found[HEAD] = (Release("gradients", privacy.head_noise, TEMPERATURE, privacy.head_rate * records),)
    if privacy.stem_steps:
        found[STEM] = (Release("gradients", privacy.stem_noise, STEM_NORM, privacy.stem_rate * records),)
    if privacy.steps:
        expected, buckets = privacy.sampling_rate * records, privacy.buckets
        what = f"feature sums by class in {buckets} buckets (divisor of an average class)"
        parts = [
            (what, privacy.aggregate_noise, FEATURE_NORM, expected / (buckets * classes)),
            ("gradients", privacy.gradient_noise, GRADIENT_NORM, expected),
        ]
        found[STEPS] = tuple(Release(name, noise, *more) for name, noise, *more in parts if noise is not None)
    return found


def planned(
    records: Records,
    privacy: PrivacySettings,
    performance: PerformanceSettings,
    *,
    minutes: float | None = None,
    processes: int = 1,
) -> tuple[Plan, PerformanceSettings]:
    """The plan of calibrated settings, and the performance settings with it: more fakes where classes are few.

    Args:
        records: of which only number, size and classes are used.
        privacy: calibrated.
        performance: as wanted.
        minutes: of fitting the generator, which costs no privacy; None keeps `performance.fitting_steps`.
        processes: that will share the work.

    Raises:
        InputError: `minutes` is no number above 0.
    """
    if minutes is not None:
        validate.positive("minutes", minutes)
    at_once = min(len(records.classes), performance.classes_at_once)
    performance = replace(performance, fakes=max(performance.fakes, _LEAST_FAKES // at_once))
    own = replace(performance, fakes=max(2, performance.fakes // processes))
    forward, step, stem = _speeds(records, privacy, own)
    forward, stem = forward / processes, stem / processes
    if minutes is not None and performance.fitting_steps:
        performance = replace(performance, fitting_steps=max(_LEAST_STEPS, int(60 * minutes / step)))
    seconds = performance.fitting_steps * step + len(records) * forward
    # A super-step works on its records twice forwards and once backwards, and on fakes as a generator step does.
    batch = privacy.sampling_rate * len(records)
    fakes = performance.generator_steps + tail_steps(privacy, performance)
    seconds += privacy.stem_steps * privacy.stem_rate * len(records) * stem
    seconds += privacy.steps * (3 * batch * forward + fakes * step)
    made = releases(privacy, records=len(records), classes=len(records.classes))
    phases = tuple(
        PlannedPhase(phase, epsilon_pld([phase], privacy.delta), phase.sampling_rate * len(records), made[phase.name])
        for phase in privacy.phases()
    )
    plan = Plan(
        phases, privacy.cost(), epsilon_prv(privacy.phases(), privacy.delta, error=0.002), privacy.delta, seconds
    )
    return plan, performance


def _speeds(records: Records, privacy: PrivacySettings, performance: PerformanceSettings) -> tuple[float, float, float]:
    """Seconds for the features of one image, a generator step, and one image in a stem's step: measured on fakes."""
    classes = len(records.classes)
    state = TrainingState(
        records.channels, records.size, classes, records=len(records), privacy=privacy, performance=performance
    )
    random = torch.Generator().manual_seed(0)
    labels = labels_of_a_step(classes, performance.classes_at_once, performance.fakes, random)
    means = torch.zeros(classes, state.features.moments_width - 1)
    fitting = Fitting(state.features, means, state.head, performance.head_weight)
    noise, rounds = np.random.default_rng(0), []
    for _ in range(3):
        start = time.perf_counter()
        fakes = state.generator.draw(labels, random)
        with torch.no_grad():
            state.features(fakes)
        middle = time.perf_counter()
        fitting.loss(state.generator.draw(labels, random), labels).backward()
        end = time.perf_counter()
        if state.stem is not None:
            state.stem.step(fakes.detach(), labels, noise, noise_multiplier=1.0, divisor=1.0)
        last = time.perf_counter()
        rounds.append(((middle - start) / len(labels), end - middle, (last - end) / len(labels)))
    forward, step, stem = (min(times) for times in zip(*rounds, strict=True))
    return forward, step, stem
