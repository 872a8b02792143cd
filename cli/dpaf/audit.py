"""`guise dpaf audit`: what an adversary who sees every release can tell."""

from __future__ import annotations

from pathlib import Path

import click

from guise.cli import console


@click.command()
@click.argument("run", type=click.Path(file_okay=False, path_type=Path))
@click.option("--runs", type=click.IntRange(20), default=200, show_default=True, help="Games for each phase; minutes.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
@click.pass_context
def audit(context: click.Context, run: Path, runs: int, as_json: bool) -> None:
    """Play the adversary's game with the mechanisms, noise and rates of RUN, phase by phase; exit with 1 on failure.

    The bound can only refute a claim. The audit needs no data and spends nothing.
    """
    from guise.dpaf import open_run

    with console.steps() as step:
        result = open_run(run).audit(runs=runs, progress=step, announce=console.message)
    if as_json:
        click.echo(result.to_json())
    else:
        console.table(
            [
                {
                    "phase": name,
                    "epsilon at least": f"{phase.lower_bound:.3f}",
                    "of at most": f"{phase.limit:.3f}",
                    "claimed": f"{phase.claimed:.3f}",
                    "over the claim at most": f"{phase.excess:.3f}",
                    "verdict": "withstood" if phase.passed else "FALSE",
                }
                for name, phase in result.phases.items()
            ]
        )
    if not result.passed:
        context.exit(1)
