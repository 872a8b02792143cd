"""A classifier trained privately on the real images: what a data owner gets without synthetic ones."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace

from guise.dpaf import validate
from guise.dpaf.accounting.budget import DatasetBudgets
from guise.dpaf.accounting.plan import Plan, plan_of
from guise.dpaf.accounting.report import NOT_PRIVATE
from guise.dpaf.accounting.unit import Unit
from guise.dpaf.baseline.classifier import KIND, PRIVACY, Classifier, performance_for, train_classifier
from guise.dpaf.baseline.features import BaselineFeatures
from guise.dpaf.data import ImageDataset, name_of
from guise.dpaf.jobs.loading import TrainingOptions, check_look, default_delta, loaded
from guise.dpaf.jobs.training import resumed
from guise.dpaf.mechanisms.randomness import Streams
from guise.dpaf.training.claim import begin_run
from guise.dpaf.training.run_folder import RunFolder
from guise.dpaf.training.run_settings import RunSettings
from guise.models.errors import InputError
from guise.models.files import only_one, printable, remove_stale
from guise.models.watching import Announce, Progress

_TIMED = 64  # images


def baseline_run(
    options: TrainingOptions,
    *,
    on_plan: Callable[[Plan], None] | None = None,
    progress: Progress | None = None,
    announce: Announce | None = None,
) -> Classifier:
    """Begin or resume a baseline and train it to its end.

    Args:
        options: what was asked for; `preset` and `minutes` have no effect.
        on_plan: called with the plan of a new run before anything is spent.
        progress: called with what is being done, steps done and steps in all.
        announce: called with lines for a person.

    Raises:
        InputError: an option is out of range, the data cannot be used, or the folder holds another run.
        BudgetError: the plan exceeds the dataset's budget: nothing was spent.
        LedgerError: the ledger was edited, or another copy of the run has gone on meanwhile.
        OfflineError: the data cannot be fetched.
        OutputError: something cannot be written, or another program uses the folder.
        PrivacyError: the guarantee could not be kept.
    """
    folder = RunFolder(options.out)
    with only_one(options.out, remedy="choose another folder"):
        settings = resumed(folder, options)
        if settings is not None and settings.kind != KIND:
            raise InputError(f"{printable(folder.path)} holds a run that makes images: go on with it as it began")
        remove_stale(options.out)
        dataset = loaded(options, settings)
        if settings is None:
            settings = _begun(dataset, options, on_plan=on_plan)
        claim = begin_run(folder, settings, dataset, DatasetBudgets(options.budgets))
        streams = Streams(unsafe_seed=options.unsafe_reproducible)
        try:
            classifier = train_classifier(dataset, claim, streams=streams, progress=progress)
        except KeyboardInterrupt:
            raise KeyboardInterrupt("What was released is kept: go on with `resume=True`.") from None
    if settings.reproducible and announce is not None:
        announce(NOT_PRIVATE)
    return classifier


def _begun(dataset: ImageDataset, options: TrainingOptions, *, on_plan: Callable[[Plan], None] | None) -> RunSettings:
    epsilon = options.epsilon
    assert epsilon is not None
    check_look(dataset, as_is=options.as_is)
    if len(dataset.classes) < 2:
        raise InputError("a classifier needs two classes, and the data have one: give labels")
    delta = default_delta(dataset.units) if options.delta is None else options.delta
    validate.budget(epsilon, delta, records=dataset.units)
    most = None if dataset.people is None else options.images_per_person
    privacy = PRIVACY.calibrate(epsilon, delta)
    performance = performance_for(privacy, dataset.units)
    if options.physical_batch_size is not None:
        performance = replace(performance, physical_batch_size=options.physical_batch_size)
    reproducible = options.unsafe_reproducible is not None
    plan = plan_of(
        privacy,
        records=dataset.units,
        size=dataset.size,
        channels=dataset.channels,
        classes=len(dataset.classes),
        seconds=_seconds(dataset),
        reproducible=reproducible,
        unit=Unit(most),
    )
    if on_plan is not None:
        on_plan(replace(plan, look=dataset.look))
    return RunSettings.of(
        dataset,
        name_of(options.data),
        privacy,
        performance,
        reproducible=reproducible,
        kind=KIND,
        images_per_person=most,
        group_column=options.group_column,
        group_folders=options.group_folders,
    )


def _seconds(dataset: ImageDataset) -> float:
    """Expected on this machine: features of some images are timed, and a step takes about as long for each as a tenth
    of its features."""
    features = BaselineFeatures(dataset.channels, dataset.size)
    some = dataset.scaled(slice(0, _TIMED))
    start = time.perf_counter()
    features(some)
    each = (time.perf_counter() - start) / len(some)
    return each * len(dataset) * (1 + 0.1 * PRIVACY.head_steps * PRIVACY.head_rate)
