"""Training a run: what is checked, planned and reserved before, and what is shown meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from guise.dpaf import validate
from guise.dpaf.accounting.budget import DatasetBudgets
from guise.dpaf.accounting.plan import Plan
from guise.dpaf.accounting.report import NOT_PRIVATE
from guise.dpaf.accounting.unit import Unit
from guise.dpaf.data import ImageDataset, name_of
from guise.dpaf.jobs.loading import TrainingOptions, check_look, default_delta, loaded
from guise.dpaf.jobs.watching import Watcher
from guise.dpaf.mechanisms.processes import joined
from guise.dpaf.mechanisms.randomness import Streams
from guise.dpaf.settings import PRESETS
from guise.dpaf.training.claim import begin_run
from guise.dpaf.training.planning import planned
from guise.dpaf.training.run_folder import RunFolder
from guise.dpaf.training.run_settings import RunSettings
from guise.dpaf.training.trainer import Trainer
from guise.models.errors import InputError
from guise.models.files import check_output_folder, check_writable, only_one, printable, remove_stale
from guise.models.watching import Announce, Progress

PLANNED_ONCE = ("size", "preset", "minutes", "physical_batch_size")
"""What has no effect when a run is resumed: it goes on as it was planned."""


def train_run(
    options: TrainingOptions,
    *,
    on_plan: Callable[[Plan], None] | None = None,
    progress: Progress | None = None,
    announce: Announce | None = None,
) -> RunFolder:
    """Begin or resume a run and train it to its end, by all processes that `torchrun` has started.

    Args:
        options: what was asked for.
        on_plan: called with the plan of a new run before anything is spent.
        progress: called with what is being done, steps done and steps in all.
        announce: called with lines for a person, such as what was spent so far.

    Returns:
        The folder of the run.

    Raises:
        InputError: an option is out of range, the data cannot be used, or the folder holds another run.
        BudgetError: the plan exceeds the dataset's budget: nothing was spent.
        LedgerError: the ledger was edited, or another copy of the run has gone on meanwhile.
        OfflineError: the data cannot be fetched.
        OutputError: something cannot be written, or another program uses the folder.
        PrivacyError: the guarantee could not be kept.
    """
    folder = RunFolder(options.out)
    with joined() as processes, ExitStack() as held:
        processes.first(lambda: held.enter_context(only_one(options.out, remedy="choose another folder")))
        settings = processes.first(lambda: resumed(folder, options))
        processes.first(lambda: remove_stale(options.out))
        dataset = processes.each(lambda: loaded(options, settings))
        if len(set(processes.everyones(dataset.digest))) > 1:  # before a plan is shown and reserved
            name = printable(name_of(options.data))
            raise InputError(f"`data=` {name} differs between processes: give each a copy of one dataset")
        settings = processes.first(
            lambda: settings or _begun(dataset, options, processes.count, on_plan=on_plan, announce=announce)
        )
        budgets = processes.first(lambda: DatasetBudgets(options.budgets))
        claim = processes.first(lambda: begin_run(folder, settings, dataset, budgets))
        watcher = Watcher(folder, progress=progress, announce=announce)
        streams = Streams(unsafe_seed=options.unsafe_reproducible, processes=processes)
        trainer = Trainer(dataset, claim, streams=streams, progress=watcher.step, watch=watcher.draw)
        try:
            trainer.train()
        except KeyboardInterrupt:
            raise KeyboardInterrupt("What was released is kept: go on with `resume=True`.") from None
        if settings.reproducible and announce is not None and processes.rank == 0:
            announce(NOT_PRIVATE)
    return folder


def resumed(folder: RunFolder, options: TrainingOptions) -> RunSettings | None:
    """Check what was asked for, before the data are read.

    Args:
        folder: of the run.
        options: what was asked for.

    Returns:
        The settings of the run that is gone on with, None for a new one.

    Raises:
        InputError: an option is out of range, or does not fit the run in the folder.
        OutputError: nothing can be written there.
    """
    if options.unsafe_reproducible is not None:
        validate.whole("`unsafe_reproducible=`", options.unsafe_reproducible)
    if not options.resume and options.epsilon is None:
        raise InputError("`epsilon=` is missing: give the privacy budget, such as `epsilon=3`")
    if options.preset not in PRESETS:
        raise InputError(f"preset {options.preset!r} does not exist: choose `preset=` from {', '.join(PRESETS)}")
    if folder.exists and not options.resume:
        what = f"{printable(folder.path)} holds a run already"
        raise InputError(f"{what}: go on with it with `resume=True`, or choose another folder with `out=`")
    if not isinstance(options.data, ImageDataset) and Path(options.data).is_dir():
        check_output_folder(Path(options.data), options.out)
    check_writable(folder.path)
    if not options.resume:
        return None
    settings, seed = folder.settings(), options.unsafe_reproducible
    for name, given in (("epsilon", options.epsilon), ("delta", options.delta)):
        began_with = getattr(settings.privacy, name)
        if given not in (None, began_with):
            raise InputError(f"the run has {name} {began_with:g}: it cannot be changed, leave `{name}=` out")
    if settings.reproducible != (seed is not None):
        state = "began with" if settings.reproducible else "did not begin with"
        raise InputError(f"the run {state} `unsafe_reproducible=`: resume it as it began")
    return settings


def _begun(
    dataset: ImageDataset,
    options: TrainingOptions,
    processes: int,
    *,
    on_plan: Callable[[Plan], None] | None,
    announce: Announce | None,
) -> RunSettings:
    """The settings of a new run, once its plan was shown."""
    epsilon = options.epsilon
    assert epsilon is not None
    check_look(dataset, as_is=options.as_is)
    delta = default_delta(dataset.units) if options.delta is None else options.delta
    validate.budget(epsilon, delta, records=dataset.units)
    most = None if dataset.people is None else options.images_per_person
    privacy, performance = PRESETS[options.preset]
    privacy = privacy.for_classes(len(dataset.classes)).calibrate(epsilon, delta)
    if options.physical_batch_size is not None:
        performance = replace(performance, physical_batch_size=options.physical_batch_size)
    reproducible = options.unsafe_reproducible is not None
    plan, performance = planned(
        dataset,
        privacy,
        performance,
        minutes=options.minutes,
        processes=processes,
        reproducible=reproducible,
        unit=Unit(most),
    )
    if on_plan is not None:
        on_plan(replace(plan, look=dataset.look))
    elif reproducible and announce is not None:  # otherwise the plan says so
        announce(NOT_PRIVATE)
    return RunSettings.of(
        dataset,
        name_of(options.data),
        privacy,
        performance,
        reproducible=reproducible,
        images_per_person=most,
        group_column=options.group_column,
        group_folders=options.group_folders,
    )
