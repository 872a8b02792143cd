"""What decides on the guarantee: noise, sampling rates and numbers of steps of each phase."""

from __future__ import annotations

from dataclasses import dataclass, replace

from guise.dpaf import validate
from guise.dpaf.accounting.accountants import Phase, epsilon_pld, joint_noise_multiplier, scale_for
from guise.models.errors import InputError

MOMENTS, HEAD, STEM, AGGREGATION = "feature means", "class head", "first layer", "aggregation steps"
"""The phases' names, in their order, as ledgers hold them."""


@dataclass(frozen=True)
class PrivacySettings:
    """Everything on which (epsilon, delta) depends. All of it is public.

    Attributes:
        moments_noise: noise multiplier of the one release of each class's mean features; None leaves that release out.
        head_steps: private steps of the linear class head on public features; 0 leaves the head out.
        head_rate: sampling rate of the head's steps.
        head_noise: noise multiplier of the head's steps.
        stem_steps: private steps of a classifier whose first layer is then used in the aggregation steps. With 0 the
            first layer is a fixed scattering network.
        stem_rate: sampling rate of these steps.
        stem_noise: noise multiplier of these steps.
        steps: aggregation steps, which release noisy sums of features and train the private layers; 0 leaves them out.
        sampling_rate: sampling rate q of the aggregation steps.
        aggregate_noise: sigma_a of their release 1; None releases no features: an ordinary DPGAN.
        gradient_noise: sigma_g of their release 2; None trains no private layer: noisy feature matching.
        buckets: into which each batch of an aggregation step is split.
        epsilon: the budget that `calibrate` was given; None before.
        delta: of the guarantee.

    Raises:
        InputError: an attribute is out of range.
    """

    moments_noise: float | None = 1.4
    head_steps: int = 200
    head_rate: float = 4096 / 60_000
    head_noise: float = 1.0
    stem_steps: int = 0
    stem_rate: float = 4096 / 60_000
    stem_noise: float = 1.4
    steps: int = 0
    sampling_rate: float = 2048 / 60_000
    aggregate_noise: float | None = 1.4
    gradient_noise: float | None = 1.4
    buckets: int = 2
    epsilon: float | None = None
    delta: float = 1e-5

    def __post_init__(self) -> None:
        for name in ("moments_noise", "aggregate_noise", "gradient_noise"):
            if (value := getattr(self, name)) is not None:
                validate.positive(name, value)
        for name in ("head_steps", "stem_steps", "steps"):
            validate.count(name, getattr(self, name), least=0)
        validate.count("buckets", self.buckets)
        for name in ("head_noise", "stem_noise"):
            validate.positive(name, getattr(self, name))
        for name in ("head_rate", "stem_rate", "sampling_rate"):
            validate.rate(name, getattr(self, name))
        validate.budget(1.0 if self.epsilon is None else self.epsilon, self.delta)
        if self.stem_steps and not self.steps:
            raise InputError("only aggregation steps use the first layer: give `steps=`, or `stem_steps=0`")
        if not self.phases():
            raise InputError("these settings release nothing, so nothing can be learnt: turn one phase on")

    def phases(self) -> tuple[Phase, ...]:
        """What will be released, in order. The two releases of an aggregation step share a draw: one mechanism."""
        phases = []
        if self.moments_noise is not None:
            phases.append(Phase(MOMENTS, 1.0, self.moments_noise))
        if self.head_steps:
            phases.append(Phase(HEAD, self.head_rate, self.head_noise, self.head_steps))
        if self.stem_steps:
            phases.append(Phase(STEM, self.stem_rate, self.stem_noise, self.stem_steps))
        if self.steps:
            joint = joint_noise_multiplier(self.aggregate_noise, self.gradient_noise)
            phases.append(Phase(AGGREGATION, self.sampling_rate, joint, self.steps))
        return tuple(phases)

    def for_classes(self, classes: int) -> PrivacySettings:
        """These settings for data of so many classes: without classifiers where there is one class only.

        Args:
            classes: of the data, at least 1.

        Raises:
            InputError: nothing is left that would be released.
        """
        return self if classes > 1 else replace(self, head_steps=0, stem_steps=0)

    def cost(self) -> float:
        """Epsilon of all phases together, at the settings' delta."""
        return epsilon_pld(self.phases(), self.delta)

    def calibrate(self, epsilon: float, delta: float) -> PrivacySettings:
        """The same settings with all noise multipliers scaled by one factor, so that they keep to (epsilon, delta).

        Args:
            epsilon: the budget, above 0 and at most 100.
            delta: the budget's delta, far below 1 over the number of records.

        Raises:
            InputError: the budget is out of range or cannot be met.
        """
        factor = scale_for(self.phases(), epsilon, delta)

        def scaled(value: float | None) -> float | None:
            return None if value is None else value * factor

        return replace(
            self,
            moments_noise=scaled(self.moments_noise),
            head_noise=self.head_noise * factor,
            stem_noise=self.stem_noise * factor,
            aggregate_noise=scaled(self.aggregate_noise),
            gradient_noise=scaled(self.gradient_noise),
            epsilon=epsilon,
            delta=delta,
        )
