"""`guise dpaf train`: plan, charge, train."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guise.cli import console
from guise.cli.dpaf import warn_if
from guise.models.errors import InputError

if TYPE_CHECKING:
    from guise.dpaf.accounting.plan import Plan
    from guise.dpaf.data import Records
    from guise.dpaf.training.run_folder import RunFolder, RunSettings
    from guise.dpaf.training.state import TrainingState

_PRESETS = ("moments", "dpaf", "pretrained", "matching", "dpgan")
_COLUMNS, _ROWS = 10, 8


@dataclass(frozen=True)
class _Options:
    """What the command line gave."""

    data: str
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


@click.command()
@click.option("--data", required=True, help="Folder of images, folder or file of idx, npz, or a name such as digits.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Folder of the run.")
@click.option("--epsilon", type=float, help="Privacy budget. [needed unless --resume]")
@click.option("--delta", type=float, help="[default: 1e-5, less for more than 50,000 records]")
@click.option("--size", type=int, help="Side of the images: 28, 32, 64 or 128. [default: the nearest]")
@click.option("--preset", type=click.Choice(_PRESETS), default="moments", show_default=True)
@click.option(
    "--minutes", type=click.FloatRange(0, 100_000, min_open=True), default=2.0, show_default=True, help="Fit so long."
)
@click.option("--physical-batch-size", type=click.IntRange(1), help="Records at once; changes memory only.")
@click.option("--budgets", type=click.Path(dir_okay=False, path_type=Path), help="File of the datasets' budgets.")
@click.option("--resume", is_flag=True, help="Go on with the run in --out.")
@click.option("--unsafe-reproducible", type=int, metavar="SEED", help="NOT PRIVATE: noise from a seed.")
@click.pass_context
def train(context: click.Context, /, **given: Any) -> None:
    """Train a generator of images like those in --data, spending at most --epsilon.

    Shows what will be spent before anything is. Stopped, it goes on with --resume; what was paid for since the last
    checkpoint is lost where it was killed. To share the work between N processes: torchrun --nproc-per-node N -m guise
    dpaf train ...
    """
    from guise.dpaf.accounting.budget import DatasetBudgets, begin_run
    from guise.dpaf.data import load
    from guise.dpaf.mechanisms.randomness import Streams
    from guise.dpaf.processes import joined
    from guise.dpaf.training.run_folder import RunFolder
    from guise.dpaf.training.trainer import Trainer
    from guise.models.files import only_one, printable, remove_stale

    options = _Options(**given)
    if options.resume:
        _say_unused(context)
    console.warn_quietly()
    folder = RunFolder(options.out)
    with joined() as processes, ExitStack() as held:
        if processes.rank:
            sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115  (to the end: the first one speaks for all)
        processes.first(lambda: held.enter_context(only_one(options.out, remedy="choose another folder")))
        settings = processes.first(lambda: _resumed(folder, options))
        size = options.size if settings is None else settings.size
        processes.first(lambda: remove_stale(options.out))
        records = processes.each(lambda: load(options.data, size=size))
        if len(set(processes.everyones(records.digest))) > 1:
            raise InputError(f"--data {options.data} differs between processes: give each a copy of one dataset")
        settings = processes.first(lambda: settings or _planned(records, options, processes.count))
        budgets = processes.first(lambda: DatasetBudgets(options.budgets))
        processes.first(lambda: begin_run(folder, settings, records, budgets))
        reporter = held.enter_context(_Reporter(folder))
        streams = Streams(unsafe_seed=options.unsafe_reproducible, processes=processes)
        trainer = Trainer(
            records, folder, streams=streams, paid=budgets.mark, progress=reporter.step, watch=reporter.draw
        )
        try:
            trainer.train()
        except KeyboardInterrupt:
            raise KeyboardInterrupt("What was paid for is kept: go on with --resume.") from None
    warn_if(seeded=settings.reproducible)
    where, spent = printable(options.out), settings.privacy.epsilon
    console.message(f"done: {where}, epsilon {spent:g}. Now: guise dpaf sample {where} --count 1000")


def _say_unused(context: click.Context) -> None:
    """A run is gone on with as it was planned."""
    names = ("size", "preset", "minutes", "physical_batch_size")
    given = [name for name in names if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE]
    if given:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        console.message(f"The run goes on as it was planned: {options} without effect.")


def _resumed(folder: RunFolder, options: _Options) -> RunSettings | None:
    """The settings of the run that is gone on with, None for a new one."""
    from guise.models.files import check_output_folder, check_writable, printable

    if not options.resume and options.epsilon is None:
        raise InputError("--epsilon is missing: give the privacy budget, such as --epsilon 3")
    if folder.exists and not options.resume:
        raise InputError(f"{printable(folder.path)} holds a run already: --resume it, or choose another folder")
    if Path(options.data).is_dir():
        check_output_folder(Path(options.data), options.out)
    check_writable(folder.path)
    if not options.resume:
        return None
    settings, seed = folder.settings(), options.unsafe_reproducible
    if options.epsilon not in (None, settings.privacy.epsilon):
        raise InputError(f"the run has epsilon {settings.privacy.epsilon:g}: it cannot be changed, leave --epsilon out")
    if options.delta not in (None, settings.privacy.delta):
        raise InputError(f"the run has delta {settings.privacy.delta:g}: it cannot be changed, leave --delta out")
    if settings.reproducible != (seed is not None):
        state = "began with" if settings.reproducible else "did not begin with"
        raise InputError(f"the run {state} --unsafe-reproducible: resume it as it began")
    return settings


def _planned(records: Records, options: _Options, processes: int) -> RunSettings:
    from guise.dpaf import validate
    from guise.dpaf.accounting.plan import planned, without_classifiers
    from guise.dpaf.settings import PRESETS
    from guise.dpaf.training.run_folder import RunSettings

    assert options.epsilon is not None
    epsilon = options.epsilon
    delta = min(1e-5, 0.5 / len(records)) if options.delta is None else options.delta
    validate.budget(epsilon, delta, records=len(records))
    privacy, performance = PRESETS[options.preset]
    privacy = without_classifiers(privacy, len(records.classes)).calibrate(epsilon, delta)
    if options.physical_batch_size is not None:
        performance = replace(performance, physical_batch_size=options.physical_batch_size)
    plan, performance = planned(records, privacy, performance, minutes=options.minutes, processes=processes)
    _show(plan, records)
    warn_if(seeded=options.unsafe_reproducible is not None)
    return RunSettings.of(
        records,
        Path(options.data).name,
        privacy,
        performance,
        reproducible=options.unsafe_reproducible is not None,
    )


def _show(plan: Plan, records: Records) -> None:
    images = (
        f"{len(records)} images of {records.size}x{records.size}x{records.channels}, {len(records.classes)} classes"
    )
    console.message(f"Plan for {images}; one image with its label is protected:")
    for one in plan.phases:
        phase = one.phase
        how = f"{phase.steps} x rate {phase.sampling_rate:.4g} (about {one.expected_batch:.0f} images)"
        console.message(
            f"  {phase.name:<18} {how}, noise {phase.noise_multiplier:.3f}: epsilon {one.epsilon:.3f} alone"
        )
        for release in one.releases:
            console.message(f"    {release}")
    total = f"epsilon {plan.epsilon:.3f} (Opacus PRV: {plan.epsilon_prv:.3f}) at delta {plan.delta:.2g}"
    console.message(f"  together: {total}; about {max(plan.seconds / 60, 0.1):.1f} minutes")


class _Reporter:
    """Progress with epsilon spent so far, and grids of samples while training goes on."""

    def __init__(self, folder: RunFolder) -> None:
        self._folder = folder
        self._steps = console.steps()
        self._told = ("", 0)

    def __enter__(self) -> _Reporter:
        self._step = self._steps.__enter__()
        return self

    def __exit__(self, *raised: object) -> None:
        self._steps.__exit__(*raised)  # type: ignore[arg-type]

    def step(self, what: str, done: int, total: int) -> None:
        self._step(what, done, total)
        from guise.dpaf.training.trainer import FITTING

        quarter = done * 4 // total > (done - 1) * 4 // total
        if what != FITTING and done and quarter and (what, done) != self._told:
            from guise.dpaf.accounting.accountants import epsilon_pld

            self._told = (what, done)
            ledger, how_far = self._folder.ledger(), "done" if done == total else f"{done} of {total}"
            console.message(f"{what}: {how_far}; epsilon spent so far {epsilon_pld(ledger.spent(), ledger.delta):.3f}")

    def draw(self, state: TrainingState) -> None:
        """Write samples.png: a column for each of the first ten classes, ten of one class."""
        from guise.dpaf.synthesis import grid, synthesise

        classes = state.generator.classes if state.generator.classes > 1 else _COLUMNS
        images = synthesise(state, _ROWS * classes, equal=True, seed=0).images
        shown = images.reshape(_ROWS, classes, *images.shape[1:])[:, :_COLUMNS]
        sheet = grid(shown.reshape(-1, *images.shape[1:]), columns=shown.shape[1])
        console.save_picture(sheet, self._folder.path / "samples.png")
