"""Training a run: what is checked, planned and reserved before, and what is shown meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

from guise.dpaf import validate
from guise.dpaf.accounting.budget import DatasetBudgets
from guise.dpaf.accounting.plan import Plan
from guise.dpaf.accounting.report import NOT_PRIVATE
from guise.dpaf.accounting.unit import Unit
from guise.dpaf.data import ImageDataset, Source, load, name_of
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

IMAGES_PER_PERSON = 8
PLANNED_ONCE = ("size", "preset", "minutes", "physical_batch_size")
"""What has no effect when a run is resumed: it goes on as it was planned."""


@dataclass(frozen=True)
class TrainingOptions:
    """What `dpaf.train` was asked for.

    Attributes:
        data: the private images, or where they are.
        out: folder of the run.
        epsilon: the budget; None only where a run is resumed.
        delta: the budget's delta; None takes `default_delta`.
        size: side of the images; None takes the nearest.
        preset: a name among `PRESETS`.
        minutes: of fitting the generator.
        physical_batch_size: images worked on at once; None takes the preset's.
        budgets: file of the datasets' budgets; None takes the user's own.
        resume: whether to go on with the run in `out`.
        unsafe_reproducible: NOT PRIVATE: a seed for the noise; None takes noise from the operating system.
        as_is: take the data as they are, however odd they look.
        group_column: array or column that tells whose image each is: then one person is protected.
        group_folders: whether folders below a class are people: then one person is protected.
        images_per_person: at most so many images of a person are used, where people are protected.
    """

    data: Source
    out: Path
    epsilon: float | None
    delta: float | None
    size: int | None
    preset: str
    minutes: float
    physical_batch_size: int | None
    budgets: Path | None
    resume: bool
    unsafe_reproducible: int | None
    as_is: bool = False
    group_column: str | None = None
    group_folders: bool = False
    images_per_person: int = IMAGES_PER_PERSON


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
            raise KeyboardInterrupt("What was paid for is kept: go on with `resume=True`.") from None
        if settings.reproducible and announce is not None and processes.rank == 0:
            announce(NOT_PRIVATE)
    return folder


def default_delta(records: int) -> float:
    """1e-5, or less where that would exceed half of the chance of publishing one whole record.

    Args:
        records: how many there are.
    """
    return min(1e-5, 0.5 / records)


def check_look(dataset: ImageDataset, *, as_is: bool) -> None:
    """Make sure that the data are what their owner means, before anything is spent on them.

    Args:
        dataset: with the look that was had at it.
        as_is: take it however odd it looks.

    Raises:
        InputError: something about it is odd.
    """
    doubts = () if dataset.look is None or as_is else dataset.look.doubts
    if doubts:
        raise InputError(f"{'; '.join(doubts)}; or take them as they are with `as_is=True`; nothing was spent")


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


def loaded(options: TrainingOptions, resumed: RunSettings | None) -> ImageDataset:
    """The data to train on; where people are protected, with so many images of each as may be used.

    Args:
        options: what was asked for.
        resumed: the run that is gone on with, which says how to read them; None for a new one.

    Raises:
        InputError: they cannot be used.
        OfflineError: they cannot be fetched.
    """
    data, size = options.data, options.size if resumed is None else resumed.size
    asked: TrainingOptions | RunSettings = options if resumed is None else resumed
    column, folders = asked.group_column, asked.group_folders
    if column is not None and folders:
        raise InputError("`group_column=` and `group_folders=True` both tell whose image each is: give one of them")
    if not isinstance(data, ImageDataset):
        data = load(data, size=size, group_column=column, group_folders=folders)
    elif resumed is None and size not in (None, data.size):
        raise InputError(f"size {size} was asked for and the images are of {data.size}: leave `size=` out")
    if size not in (None, data.size):
        raise InputError(f"the run has images of {size}, and these are of {data.size}: resume it with its own images")
    if data.people is None:
        return data
    most = asked.images_per_person
    return data.at_most(options.images_per_person if most is None else most)


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
