"""What decides on the guarantee, and, apart from it, what decides on speed and looks."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from guise.dpaf import validate
from guise.dpaf.accounting.accountants import Phase, epsilon_pld, joint_noise_multiplier, scale_for
from guise.models.errors import InputError

MOMENTS, HEAD, STEM, STEPS = "feature means", "class head", "first layer", "aggregation steps"


@dataclass(frozen=True)
class PrivacySettings:
    """Everything on which (epsilon, delta) depends. All of it is public.

    Attributes:
        moments_noise: noise multiplier of the one-shot release of each class's mean features; None leaves it out.
        head_steps: private steps of the linear class head on public features; 0 leaves it out.
        head_rate: their sampling rate.
        head_noise: their noise multiplier.
        stem_steps: private steps of a classifier whose first layer then serves in super-steps; 0 leaves them out: the
            first layer is a fixed scattering network.
        stem_rate: their sampling rate.
        stem_noise: their noise multiplier.
        steps: super-steps, which aggregate features and train the private layers; 0 leaves them out.
        sampling_rate: their sampling rate q.
        aggregate_noise: sigma_a of release 1; None releases no features: an ordinary DPGAN.
        gradient_noise: sigma_g of release 2; None trains no private layer: noisy feature matching.
        buckets: into which each batch of a super-step is split.
        epsilon, delta: the budget that `calibrate` was given; epsilon is None before.

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
            raise InputError("the first layer is of use to super-steps only: set steps, or stem_steps to 0")
        if not self.phases():
            raise InputError("these settings release nothing, so that nothing can be learnt: turn one phase on")

    def phases(self) -> tuple[Phase, ...]:
        """What will be released, in order; the two releases of a super-step share a draw and are one mechanism."""
        phases = []
        if self.moments_noise is not None:
            phases.append(Phase(MOMENTS, 1.0, self.moments_noise))
        if self.head_steps:
            phases.append(Phase(HEAD, self.head_rate, self.head_noise, self.head_steps))
        if self.stem_steps:
            phases.append(Phase(STEM, self.stem_rate, self.stem_noise, self.stem_steps))
        if self.steps:
            joint = joint_noise_multiplier(self.aggregate_noise, self.gradient_noise)
            phases.append(Phase(STEPS, self.sampling_rate, joint, self.steps))
        return tuple(phases)

    def cost(self) -> float:
        """Epsilon of all phases together, at the settings' delta."""
        return epsilon_pld(self.phases(), self.delta)

    def calibrate(self, epsilon: float, delta: float) -> PrivacySettings:
        """The same settings with all noise multipliers scaled by one factor, so that they spend (epsilon, delta).

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


@dataclass(frozen=True)
class PerformanceSettings:
    """What may be changed freely: all of it acts on released values and on fakes, or on how work is cut up.

    Attributes:
        fitting_steps: generator steps on the released means, after the release.
        fakes: fakes for each class in a generator step.
        classes_at_once: classes in a generator step, at most.
        latent: size of the generator's noise.
        width: channels of the generator at its coarsest grid.
        learning_rate: of the generator.
        head_learning_rate: of the class head.
        head_weight: of the class head's verdict in the generator's loss, beside the means.
        critic: how a generator step of a super-step uses the aggregates.
        critic_steps: tail steps for each super-step.
        generator_steps: generator steps for each super-step, at most.
        told_before_step: share of its fakes that an adversarial discriminator must tell before the generator steps
            again, so that it makes as many steps in between as it needs; 0 does not ask. Only fakes are looked at.
            After A. Bie, G. Kamath, G. Zhang, "Private GANs, Revisited", TMLR 2023, section 5.
        critic_rate: learning rate of the discriminator, its first layer's training included.
        average: decay of the generator's moving average.
        physical_batch_size: records worked on at once.
        checkpoint_every: steps between checkpoints.
    """

    fitting_steps: int = 2000
    fakes: int = 32
    classes_at_once: int = 10
    latent: int = 32
    width: int = 64
    learning_rate: float = 2e-3
    head_learning_rate: float = 0.12
    head_weight: float = 0.02
    critic: Literal["adversarial", "matching"] = "adversarial"
    critic_steps: int = 2
    generator_steps: int = 4
    told_before_step: float = 0.0
    critic_rate: float = 1e-3
    average: float = 0.995
    physical_batch_size: int = 256
    checkpoint_every: int = 50

    def __post_init__(self) -> None:
        for name in ("fakes", "classes_at_once", "latent", "width", "physical_batch_size", "checkpoint_every"):
            validate.count(name, getattr(self, name))
        for name in ("fitting_steps", "critic_steps", "generator_steps"):
            validate.count(name, getattr(self, name), least=0)
        for name in ("learning_rate", "head_learning_rate", "critic_rate"):
            validate.positive(name, getattr(self, name))
        for name in ("average", "told_before_step"):
            if not 0 <= getattr(self, name) < 1:
                raise InputError(f"{name} is {getattr(self, name)}: give a share from 0 to below 1")
        if self.fakes < 2:
            raise InputError(f"fakes is {self.fakes}: two for each class at least, to tell their spread")
        if self.critic not in ("adversarial", "matching"):
            raise InputError(f"critic is {self.critic!r}: adversarial or matching")


PRESETS: dict[str, tuple[PrivacySettings, PerformanceSettings]] = {
    "moments": (PrivacySettings(), PerformanceSettings()),
    "dpaf": (PrivacySettings(steps=200), PerformanceSettings()),
    "pretrained": (PrivacySettings(stem_steps=100, steps=200), PerformanceSettings()),
    "matching": (PrivacySettings(steps=200, gradient_noise=None), PerformanceSettings(critic="matching")),
    "dpgan": (
        PrivacySettings(moments_noise=None, head_steps=0, steps=1000, aggregate_noise=None),
        PerformanceSettings(fitting_steps=0, generator_steps=1, critic_steps=1),
    ),
}
"""Shapes of the noise, to be calibrated, and how to train with it."""
