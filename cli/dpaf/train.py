"""`guise dpaf train`: plan, charge, train."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guise.cli import console
from guise.cli.dpaf.options import how_to_run, what_to_spend
from guise.models.flags import as_flags

if TYPE_CHECKING:
    from guise.dpaf import Plan

PRESETS = ("moments", "dpaf", "pretrained", "matching", "student", "dpgan")
"""The library's, named again so that --help needs no torch."""


@click.command()
@what_to_spend
@click.option("--preset", type=click.Choice(PRESETS), default="student", show_default=True)
@click.option(
    "--minutes",
    type=click.FloatRange(0, 100_000, min_open=True),
    default=2.0,
    show_default=True,
    help="Minutes of fitting the generator and students. The private steps before that take some more.",
)
@how_to_run
@click.pass_context
def train(context: click.Context, /, *, yes: bool, **options: Any) -> None:
    """Train a generator of images like those in --data, spending at most --epsilon.

    Shows what was read and what will be spent before anything is; at a terminal it asks whether to go on. With
    --group-column or --group-folders one person is protected with all of their images, otherwise one image is.

    If it is stopped, go on with --resume. A run that was killed loses what it paid for since the last checkpoint. To
    share the work between N processes: torchrun --nproc-per-node N -m guise dpaf train ...
    """
    from guise.dpaf import train as train_run
    from guise.dpaf.jobs.training import PLANNED_ONCE
    from guise.dpaf.mechanisms.processes import leads
    from guise.models.files import printable

    if not leads():
        sys.stderr = Path(os.devnull).open("w")  # noqa: SIM115  (to the end: the first process speaks for all)
    if options["resume"]:
        _say_unused(context, PLANNED_ONCE)
    console.warn_quietly()
    try:
        with console.steps() as step:
            run = train_run(
                **options | {"as_is": options["as_is"] or yes},
                on_plan=lambda plan: agree(plan, yes=yes),
                progress=step,
                announce=console.message,
            )
    except KeyboardInterrupt as stop:
        raise KeyboardInterrupt(as_flags(str(stop))) from None
    where, spent = printable(run.path), run.settings.privacy.epsilon
    console.message(f"done: {where}, epsilon {spent:g}. Now: guise dpaf sample {where} --count 1000 --out synthetic")


def _say_unused(context: click.Context, names: tuple[str, ...]) -> None:
    """A run is gone on with as it was planned."""
    given = [name for name in names if context.get_parameter_source(name) is click.core.ParameterSource.COMMANDLINE]
    if given:
        options = ", ".join(f"--{name.replace('_', '-')}" for name in given)
        console.message(f"The run goes on as it was planned: {options} without effect.")


def agree(plan: Plan, *, yes: bool) -> None:
    """Show a plan and, where somebody can answer, ask whether to spend it.

    Args:
        plan: of a new run.
        yes: ask nothing.

    Raises:
        KeyboardInterrupt: the answer is no.
    """
    for line in str(plan).splitlines():
        console.message(line)
    if yes or not (sys.stdin.isatty() and sys.stderr.isatty()):
        return
    # Without brackets, which a progress bar takes for markup.
    if not click.confirm("Spend it? Type y or n", err=True, show_default=False):
        raise KeyboardInterrupt("Nothing was spent.")
