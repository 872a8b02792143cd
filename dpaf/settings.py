"""What decides on speed and looks and has no part in the guarantee; and presets of both kinds of settings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from guise.dpaf import validate
from guise.dpaf.accounting.settings import PrivacySettings
from guise.models.errors import InputError


@dataclass(frozen=True)
class PerformanceSettings:
    """What may be changed freely: all of it acts on released values and on fakes, or on how the work is divided.

    Attributes:
        fitting_steps: generator steps on the released means, after the release.
        fakes: fakes for each class in a generator step.
        classes_at_once: classes in a generator step, at most.
        latent: size of the generator's noise.
        width: channels of the generator at its coarsest grid.
        learning_rate: of the generator.
        head_learning_rate: of the class head.
        head_weight: weight of the class head's verdict in the generator's loss, up to 2.5 times as much where
            little of the head is noise; the means have weight 1.
        critic: how the generator uses the aggregates in an aggregation step.
        critic_steps: tail steps for each aggregation step, or steps in which a student learns from fakes.
        generator_steps: generator steps for each aggregation step, at most.
        told_before_step: share of the fakes that an adversarial discriminator must recognise before the generator
            steps again; with 0 the generator always steps. Only fakes are used for this. After A. Bie, G. Kamath,
            G. Zhang, "Private GANs, Revisited", TMLR 2023, section 5.
        critic_rate: learning rate of the discriminator, its first layer's training included.
        average: decay of the generator's moving average.
        physical_batch_size: records worked on at once.
        checkpoint_every: steps between checkpoints.
    """

    fitting_steps: int = 2000
    fakes: int = 8
    classes_at_once: int = 10
    latent: int = 32
    width: int = 64
    learning_rate: float = 5e-3
    head_learning_rate: float = 0.12
    head_weight: float = 0.02
    critic: Literal["adversarial", "matching", "student"] = "adversarial"
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
            raise InputError(f"fakes is {self.fakes}: give two for each class at least, to measure their spread")
        if self.critic not in ("adversarial", "matching", "student"):
            raise InputError(f"critic is {self.critic!r}: give adversarial, matching or student")
        if self.critic == "student" and not self.critic_steps:
            raise InputError("critic_steps is 0: give steps in which a student learns, 1 at least")


DEFAULT_PRESET = "student"
PRESETS: dict[str, tuple[PrivacySettings, PerformanceSettings]] = {
    "moments": (PrivacySettings(), PerformanceSettings()),
    "dpaf": (PrivacySettings(steps=200), PerformanceSettings()),
    "pretrained": (PrivacySettings(stem_steps=100, steps=200), PerformanceSettings()),
    "matching": (PrivacySettings(steps=200, gradient_noise=None), PerformanceSettings(critic="matching")),
    "student": (
        PrivacySettings(steps=6, sampling_rate=1.0, aggregate_noise=4.0, gradient_noise=None, buckets=1),
        PerformanceSettings(fitting_steps=800, critic="student", critic_steps=300, generator_steps=200),
    ),
    "dpgan": (
        PrivacySettings(moments_noise=None, head_steps=0, steps=1000, aggregate_noise=None),
        PerformanceSettings(fitting_steps=0, fakes=32, learning_rate=2e-3, generator_steps=1, critic_steps=1),
    ),
}
"""Shapes of the noise, to be calibrated, and how to train with it."""
