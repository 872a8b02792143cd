"""`guise dpaf ledger`: what was spent, by run and by dataset."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from guise.cli import console
from guise.models.errors import InputError

if TYPE_CHECKING:
    from guise.dpaf import Accounts, Spending


@click.command()
@click.argument("run", type=click.Path(file_okay=False, path_type=Path), required=False)
@click.option("--data", help="Dataset to set a budget for, as for train.")
@click.option("--epsilon", type=float, help="Budget of all runs on --data together.")
@click.option("--delta", type=float, default=1e-5, show_default=True)
@click.option("--budgets", type=click.Path(dir_okay=False, path_type=Path), help="File of the datasets' budgets.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
def ledger(
    run: Path | None, data: str | None, epsilon: float | None, delta: float, budgets: Path | None, as_json: bool
) -> None:
    """Show what RUN has spent, or all datasets; with --data and --epsilon, set a dataset's budget."""
    from guise.dpaf import accounts, open_run, set_budget

    if (data is None) != (epsilon is None):
        raise InputError("--data and --epsilon go together: name the dataset and what all its runs may spend")
    if run is not None and data is not None:
        raise InputError("RUN shows one run, --data sets a budget: give one of them")
    shown: Spending | Accounts
    if run is not None:
        shown = open_run(run).spending(announce=console.message)
    elif data is not None and epsilon is not None:
        shown = set_budget(data, epsilon=epsilon, delta=delta, budgets=budgets)
    else:
        shown = accounts(delta=delta, budgets=budgets)
    if as_json:
        click.echo(shown.to_json())
    else:
        console.table([{name: _short(value) for name, value in row.items()} for row in shown.rows()])


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(value) if isinstance(value, tuple) else str(value)
