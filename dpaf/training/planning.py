"""The plan of a run on a dataset, with the time that it would take on this machine."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np
import torch

from guise.dpaf import validate
from guise.dpaf.accounting.plan import Plan, plan_of
from guise.dpaf.accounting.settings import PrivacySettings
from guise.dpaf.accounting.unit import Unit
from guise.dpaf.data import ImageDataset
from guise.dpaf.networks.generator import Generator
from guise.dpaf.networks.student import Student
from guise.dpaf.settings import PerformanceSettings
from guise.dpaf.training.aggregation_step import tail_steps
from guise.dpaf.training.fitting import Fitting, labels_of_a_step
from guise.dpaf.training.state import TrainingState

_LEAST_STEPS = 50
_MOST_FOR_STUDENTS = 0.5  # of the minutes, to learn
_WITH_STUDENTS = 0.6  # of the generator's steps: those that come after the first student has looked
_LEAST_LEARNING = 5  # steps of a student
_PRACTICE = 10  # steps of a student's learning, to see how long it takes
_LEAST_FAKES = 80  # in a generator step, over all classes
_FEW_FAKES, _LARGE = 20, 128  # the same, and the size of images from which on: else minutes hold too few steps


def planned(
    dataset: ImageDataset,
    privacy: PrivacySettings,
    performance: PerformanceSettings,
    *,
    minutes: float | None = None,
    processes: int = 1,
    reproducible: bool = False,
    unit: Unit = Unit(),  # noqa: B008  (frozen)
) -> tuple[Plan, PerformanceSettings]:
    """The plan of calibrated settings, and the performance settings with it: more fakes where classes are few.

    Args:
        dataset: only its number of images, their size and the classes are used.
        privacy: calibrated.
        performance: as wanted.
        minutes: of fitting the generator, students included, which costs no privacy; None keeps the steps of
            `performance`.
        processes: how many will share the work.
        reproducible: whether the noise will come from a seed: the plan says so then.
        unit: whom the run protects.

    Raises:
        InputError: `minutes` is no number above 0.
    """
    if minutes is not None:
        validate.positive("minutes", minutes)
    records, classes = dataset.units, len(dataset.classes)
    at_once = min(classes, performance.classes_at_once)
    least = _LEAST_FAKES if dataset.size < _LARGE else _FEW_FAKES
    performance = replace(performance, fakes=max(performance.fakes, least // at_once))
    own = replace(performance, fakes=max(2, performance.fakes // processes))
    forward, step, stem = _speeds(dataset, privacy, own)
    forward, stem = forward / processes, stem / processes
    batch, with_students = privacy.sampling_rate * len(dataset), bool(privacy.steps) and performance.critic == "student"
    learning = looking = judging = 0.0
    if with_students:
        each, looking, judging = _speeds_of_student(dataset, own)
        judging *= (privacy.steps + 1) / 2  # of those that have looked so far, on average
        if minutes is not None:
            most = int(_MOST_FOR_STUDENTS * 60 * minutes / (privacy.steps * each))
            performance = replace(performance, critic_steps=min(performance.critic_steps, max(_LEAST_LEARNING, most)))
        learning = privacy.steps * performance.critic_steps * each
    if minutes is not None and performance.fitting_steps:
        average = step + _WITH_STUDENTS * judging if with_students else step
        steps = max(_LEAST_STEPS, int((60 * minutes - learning) / average))
        if with_students:
            later = max(1, int(_WITH_STUDENTS * steps / privacy.steps))
            performance = replace(performance, generator_steps=later)
            steps = max(0, steps - later * privacy.steps)
        performance = replace(performance, fitting_steps=steps)
    seconds = performance.fitting_steps * step + len(dataset) * forward + learning
    seconds += privacy.stem_steps * privacy.stem_rate * len(dataset) * stem
    if with_students:
        seconds += privacy.steps * (performance.generator_steps * (step + judging) + batch * looking / processes)
    else:
        # A step runs on its records twice forwards and once backwards, and on fakes as a generator step does.
        fakes = performance.generator_steps + tail_steps(privacy, performance)
        seconds += privacy.steps * (3 * batch * forward + fakes * step)
    shape = {"records": records, "size": dataset.size, "channels": dataset.channels, "classes": classes}
    return plan_of(privacy, **shape, seconds=seconds, reproducible=reproducible, unit=unit), performance


def _speeds_of_student(dataset: ImageDataset, performance: PerformanceSettings) -> tuple[float, float, float]:
    """Seconds for a step in which a student learns, for what it makes of one image, and of a generator step's fakes."""
    classes, shape = len(dataset.classes), (dataset.channels, dataset.size)
    sizes = {"latent": performance.latent, "width": performance.width}
    student, generator = Student(*shape, classes, seed=0), Generator(*shape, classes, **sizes)
    random, rounds = torch.Generator().manual_seed(0), []
    labels = labels_of_a_step(classes, performance.classes_at_once, performance.fakes, random)
    fakes = generator.draw(labels, random).detach().requires_grad_()
    for _ in range(2):  # the first is slow
        start = time.perf_counter()
        student.learn(generator, random, steps=_PRACTICE, learning_rate=1e-3)
        learnt = time.perf_counter()
        with torch.no_grad():
            student(torch.zeros(_LEAST_FAKES, *shape, dataset.size))
        looked = time.perf_counter()
        student(fakes).sum().backward()
        judged = time.perf_counter()
        rounds.append(((learnt - start) / _PRACTICE, (looked - learnt) / _LEAST_FAKES, judged - looked))
    return rounds[-1]


def _speeds(
    dataset: ImageDataset, privacy: PrivacySettings, performance: PerformanceSettings
) -> tuple[float, float, float]:
    """Seconds for the features of one image, a generator step, and one image in a stem's step: measured on fakes."""
    classes, shape = len(dataset.classes), (dataset.channels, dataset.size)
    state = TrainingState(*shape, classes, records=len(dataset), privacy=privacy, performance=performance)
    random = torch.Generator().manual_seed(0)
    labels = labels_of_a_step(classes, performance.classes_at_once, performance.fakes, random)
    means = torch.zeros(classes, state.features.moments_width - 1)
    fitting = Fitting(state.features, means, state.verdict, performance.head_weight)
    noise, rounds = np.random.default_rng(0), []
    for _ in range(3):
        start = time.perf_counter()
        fakes = state.generator.draw(labels, random)
        with torch.no_grad():
            state.features(fakes)
        middle = time.perf_counter()
        fitting.loss(state.generator.draw(labels, random), labels, random).backward()
        end = time.perf_counter()
        if state.stem is not None:
            state.stem.step(fakes.detach(), labels, noise, noise_multiplier=1.0, divisor=1.0)
        last = time.perf_counter()
        rounds.append(((middle - start) / len(labels), end - middle, (last - end) / len(labels)))
    forward, step, stem = (min(times) for times in zip(*rounds, strict=True))
    return forward, step, stem
