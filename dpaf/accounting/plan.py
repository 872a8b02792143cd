"""What a run would spend, release by release, before it spends anything."""

from __future__ import annotations

from dataclasses import dataclass

from guise.dpaf.accounting.accountants import Phase, epsilon_pld, second_opinion
from guise.dpaf.accounting.settings import AGGREGATION, HEAD, MOMENTS, STEM, PrivacySettings
from guise.dpaf.accounting.unit import Unit
from guise.dpaf.data.look import Look
from guise.dpaf.mechanisms.norms import FEATURE_NORM, GRADIENT_NORM, HEAD_NORM, MOMENTS_NORM, STEM_NORM


@dataclass(frozen=True)
class Release:
    """A noisy sum over a batch, as each step of a phase releases it. `str` gives it as a line for people.

    Attributes:
        name: what is summed.
        noise_multiplier: standard deviation of the noise over `max_norm`.
        max_norm: the bound on the norm of what one record adds.
        divisor: public, of sum and noise. Where it differs by class, it is that of an average class.
    """

    name: str
    noise_multiplier: float
    max_norm: float
    divisor: float

    def __str__(self) -> str:
        return f"{self.name}: noise {self.noise_multiplier:.4g}, norm {self.max_norm:g}, over {self.divisor:.5g}"


@dataclass(frozen=True)
class PlannedPhase:
    """One phase of a plan. `str` gives it as lines for people.

    Attributes:
        phase: what is released.
        epsilon: of this phase by itself; those of all phases do not add up.
        expected_batch: units in a batch on average.
        releases: of each step; the phase's noise multiplier is that of all together.
        drawn: what a batch is drawn of: images, or people.
    """

    phase: Phase
    epsilon: float
    expected_batch: float
    releases: tuple[Release, ...]
    drawn: str = "images"

    def __str__(self) -> str:
        phase = self.phase
        how = f"{phase.steps} x rate {phase.sampling_rate:.4g} (about {self.expected_batch:.0f} {self.drawn})"
        lines = [
            f"  {phase.name:<18} {how}: epsilon {self.epsilon:.3f} alone",
            *(f"    {part}" for part in self.releases),
        ]
        if len(self.releases) > 1:
            lines.append(f"    noise of both together: {phase.noise_multiplier:.4g}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Plan:
    """A run before it has spent anything. `str` gives it as lines for people.

    Attributes:
        phases: in order.
        epsilon: of all phases together, by dp-accounting's privacy loss distributions: the one that binds.
        epsilon_prv: the same by Opacus, as a check; None where epsilon is too small for it to resolve.
        delta: for both.
        records: the number of images, each of which is one record with its label; or of people.
        size: height and width of the images.
        channels: of the images.
        classes: how many there are.
        seconds: expected on this machine.
        reproducible: whether the noise comes from a seed: then the run is not private.
        look: what was read of the data and how it was told. For the data's owner only: it is not private.
        unit: whom the run protects.
    """

    phases: tuple[PlannedPhase, ...]
    epsilon: float
    epsilon_prv: float | None
    delta: float
    records: int
    size: int
    channels: int
    classes: int
    seconds: float
    reproducible: bool = False
    look: Look | None = None
    unit: Unit = Unit()  # noqa: RUF009  (frozen)

    def __str__(self) -> str:
        size = f"{self.size}x{self.size}x{self.channels}, {self.classes} classes"
        images = f"{self.records} {'images' if self.unit.most is None else 'people in images'} of {size}"
        protected = "image with its label" if self.unit.most is None else "person with all of their images"
        second = "" if self.epsilon_prv is None else f" (Opacus PRV: {self.epsilon_prv:.3f})"
        total = f"epsilon {self.epsilon:.3g}{second} at delta {self.delta:.2g}"
        lines = [
            f"Plan for {images}; one {protected} is protected:",
            *([str(self.look)] if self.look is not None else []),
            *map(str, self.phases),
            f"  together: {total}; about {max(self.seconds / 60, 0.1):.1f} minutes",
        ]
        if self.reproducible:
            lines.append("  NOT PRIVATE: the noise would come from a seed, so none of this protects anything")
        return "\n".join(lines)


def plan_of(
    privacy: PrivacySettings,
    *,
    records: int,
    size: int,
    channels: int,
    classes: int,
    seconds: float,
    reproducible: bool = False,
    unit: Unit = Unit(),  # noqa: B008  (frozen)
) -> Plan:
    """The plan of calibrated settings.

    Args:
        privacy: calibrated.
        records: the number of images, or of people.
        size: height and width of the images.
        channels: of the images.
        classes: how many there are.
        seconds: that the run is expected to take.
        reproducible: whether the noise will come from a seed.
        unit: whom the run protects.
    """
    parts = releases(privacy, records=records, classes=classes)
    alone = {phase.name: epsilon_pld([phase], privacy.delta) for phase in privacy.phases()}
    phases = tuple(
        PlannedPhase(phase, alone[phase.name], phase.sampling_rate * records, parts[phase.name], unit.plural)
        for phase in privacy.phases()
    )
    cost = privacy.cost()
    return Plan(
        phases=phases,
        epsilon=cost,
        epsilon_prv=second_opinion(privacy.phases(), privacy.delta, first=cost),
        delta=privacy.delta,
        records=records,
        size=size,
        channels=channels,
        classes=classes,
        seconds=seconds,
        reproducible=reproducible,
        unit=unit,
    )


def releases(privacy: PrivacySettings, *, records: int, classes: int) -> dict[str, tuple[Release, ...]]:
    """What each step of each phase releases, by the phase's name.

    Args:
        privacy: the noise, rates and steps.
        records: the public number of records.
        classes: how many there are.
    """
    parts: dict[str, tuple[Release, ...]] = {}
    if privacy.moments_noise is not None:
        parts[MOMENTS] = (Release("feature sums by class", privacy.moments_noise, MOMENTS_NORM, 1.0),)
    if privacy.head_steps:
        parts[HEAD] = (Release("gradients", privacy.head_noise, HEAD_NORM, privacy.head_rate * records),)
    if privacy.stem_steps:
        parts[STEM] = (Release("gradients", privacy.stem_noise, STEM_NORM, privacy.stem_rate * records),)
    if privacy.steps:
        expected, buckets = privacy.sampling_rate * records, privacy.buckets
        what = "feature sums by class" if buckets == 1 else f"feature sums by class in {buckets} buckets"
        both = [
            (what, privacy.aggregate_noise, FEATURE_NORM, expected / (buckets * classes)),
            ("gradients", privacy.gradient_noise, GRADIENT_NORM, expected),
        ]
        parts[AGGREGATION] = tuple(Release(name, noise, *more) for name, noise, *more in both if noise is not None)
    return parts
