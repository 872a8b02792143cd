"""The library's face: begin a run or go on with one."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from guise.dpaf.accounting.plan import Plan
from guise.dpaf.baseline.classifier import Classifier
from guise.dpaf.data import Source
from guise.dpaf.jobs.baseline import baseline_run
from guise.dpaf.jobs.loading import IMAGES_PER_PERSON, TrainingOptions
from guise.dpaf.jobs.training import train_run
from guise.dpaf.run import Run
from guise.dpaf.settings import DEFAULT_PRESET
from guise.models.watching import Announce, Progress


def train(
    data: Source,
    *,
    epsilon: float | None = None,
    out: str | Path,
    delta: float | None = None,
    size: int | None = None,
    preset: str = DEFAULT_PRESET,
    minutes: float = 2.0,
    physical_batch_size: int | None = None,
    budgets: str | Path | None = None,
    resume: bool = False,
    unsafe_reproducible: int | None = None,
    as_is: bool = False,
    group_column: str | None = None,
    group_folders: bool = False,
    images_per_person: int = IMAGES_PER_PERSON,
    on_plan: Callable[[Plan], None] | None = None,
    progress: Progress | None = None,
    announce: Announce | None = None,
) -> Run:
    """Train a generator of images like those in `data`, spending at most (epsilon, delta).

    Neighbours: add or remove one image with its label; or one person with all of their images, where `group_column`,
    `group_folders` or the data themselves say whose image each is. The plan is reserved in the dataset's budgets before
    anything is released, and each release is charged to the ledger before it is made. Stopped, the run goes on with
    `resume=True`. Under `torchrun` all processes train one run together. The folder also gets samples.png, a sheet of
    samples.

    Args:
        data: the private images, as for `load` (a folder, an npz, parquet or idx file, a name such as "digits"), or
            themselves.
        epsilon: the budget, needed unless `resume` is true.
        out: folder of the run.
        delta: the budget's delta; None takes 1e-5, or less for more than 50,000 images.
        size: side of the images: 28, 32, 64 or 128; None takes the nearest.
        preset: one of `PRESETS`, which say what is released.
        minutes: of fitting the generator, which costs no privacy.
        physical_batch_size: images worked on at once; changes memory only.
        budgets: file of the datasets' budgets; None takes the user's own.
        resume: go on with the run in `out`, as it was planned: `size`, `preset`, `minutes` and `physical_batch_size`
            have no effect then.
        unsafe_reproducible: NOT PRIVATE: a seed for the noise, for tests.
        as_is: take the data as they are, though their range fills less than a tenth of what their type holds, or
            classes are called train or test.
        group_column: of an npz or a table, the array or column that tells whose image each is.
        group_folders: whether images lie in a folder a person: CLASS/PERSON/ or, with one class, PERSON/.
        images_per_person: where it is known whose image each is, at most so many of each person are used.
        on_plan: called with the plan of a new run before anything is spent, to show it; `print` will do. Raise an
            exception to stop.
        progress: called with what is being done, steps done and steps in all.
        announce: called with lines for a person, such as what was spent so far.

    Raises:
        InputError: an option is out of range, the data cannot be used, or `out` holds another run.
        BudgetError: the plan exceeds the dataset's budget: nothing was spent.
        LedgerError: the ledger was edited, or another copy of the run has gone on meanwhile.
        OfflineError: the data cannot be fetched.
        OutputError: something cannot be written, or another program uses `out`.
        PrivacyError: the guarantee could not be kept.
    """
    options = TrainingOptions(
        data=data,
        out=Path(out).absolute(),
        epsilon=epsilon,
        delta=delta,
        size=size,
        preset=preset,
        minutes=minutes,
        physical_batch_size=physical_batch_size,
        budgets=None if budgets is None else Path(budgets).absolute(),
        resume=resume,
        unsafe_reproducible=unsafe_reproducible,
        as_is=as_is,
        group_column=group_column,
        group_folders=group_folders,
        images_per_person=images_per_person,
    )
    return Run(train_run(options, on_plan=on_plan, progress=progress, announce=announce).path)


def baseline(
    data: Source,
    *,
    epsilon: float | None = None,
    out: str | Path,
    delta: float | None = None,
    size: int | None = None,
    physical_batch_size: int | None = None,
    budgets: str | Path | None = None,
    resume: bool = False,
    unsafe_reproducible: int | None = None,
    as_is: bool = False,
    group_column: str | None = None,
    group_folders: bool = False,
    images_per_person: int = IMAGES_PER_PERSON,
    on_plan: Callable[[Plan], None] | None = None,
    progress: Progress | None = None,
    announce: Announce | None = None,
) -> Classifier:
    """Train a classifier on the private images themselves, spending at most (epsilon, delta): no image is made.

    What a data owner gets without synthetic images, by DP-SGD on scattering features. Ledger, budgets, audit and report
    are those of `train`: `open_run` opens the folder for them.

    Args:
        data: as for `train`.
        epsilon: as for `train`.
        out: as for `train`.
        delta: as for `train`.
        size: as for `train`.
        physical_batch_size: as for `train`.
        budgets: as for `train`.
        resume: as for `train`.
        unsafe_reproducible: as for `train`.
        as_is: as for `train`.
        group_column: as for `train`.
        group_folders: as for `train`.
        images_per_person: as for `train`.
        on_plan: as for `train`.
        progress: as for `train`.
        announce: as for `train`.

    Returns:
        The classifier; `probabilities` uses it, and `Run.evaluate(baseline=out)` compares with it.

    Raises:
        InputError: as for `train`, or there is one class only.
        BudgetError: the plan exceeds the dataset's budget: nothing was spent.
        LedgerError: the ledger was edited, or another copy of the run has gone on meanwhile.
        OfflineError: the data cannot be fetched.
        OutputError: something cannot be written, or another program uses `out`.
        PrivacyError: the guarantee could not be kept.
    """
    options = TrainingOptions(
        data=data,
        out=Path(out).absolute(),
        epsilon=epsilon,
        delta=delta,
        size=size,
        preset="moments",
        minutes=1.0,
        physical_batch_size=physical_batch_size,
        budgets=None if budgets is None else Path(budgets).absolute(),
        resume=resume,
        unsafe_reproducible=unsafe_reproducible,
        as_is=as_is,
        group_column=group_column,
        group_folders=group_folders,
        images_per_person=images_per_person,
    )
    return baseline_run(options, on_plan=on_plan, progress=progress, announce=announce)
