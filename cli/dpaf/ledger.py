"""`guise dpaf ledger`: what was spent, by run and by dataset."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from guise.cli import console
from guise.cli.dpaf import warn_if
from guise.models.errors import InputError


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
    if (data is None) != (epsilon is None):
        raise InputError("--data and --epsilon go together: name the dataset and what all its runs may spend")
    if run is not None and data is not None:
        raise InputError("RUN shows one run, --data sets a budget: give one of them")
    rows = _of_run(run) if run is not None else _of_datasets(data, epsilon, delta, budgets)
    if as_json:
        click.echo(json.dumps(rows, indent=1))
    else:
        console.table([{name: _short(value) for name, value in row.items()} for row in rows])


def _of_run(run: Path) -> list[dict[str, object]]:
    from guise.dpaf.accounting.accountants import epsilon_pld
    from guise.dpaf.training.run_folder import RunFolder

    folder = RunFolder(run)
    found = folder.ledger()
    warn_if(seeded=folder.settings().reproducible)
    spent = {phase.name: phase for phase in found.spent()}
    rows: list[dict[str, object]] = [
        {
            "phase": phase.name,
            "sampling rate": phase.sampling_rate,
            "noise multiplier": phase.noise_multiplier,
            "planned": phase.steps,
            "charged": spent[phase.name].steps if phase.name in spent else 0,
            "epsilon": epsilon_pld([spent[phase.name]], found.delta) if phase.name in spent else 0.0,
        }
        for phase in found.plan
    ]
    total = epsilon_pld(found.spent(), found.delta) if spent else 0.0
    last: dict[str, object] = {"phase": f"together, of {found.epsilon:g} at delta {found.delta:g}", "epsilon": total}
    return [*rows, {name: last.get(name, "") for name in rows[0]}]


def _of_datasets(data: str | None, epsilon: float | None, delta: float, path: Path | None) -> list[dict[str, object]]:
    from guise.dpaf import validate
    from guise.dpaf.accounting.budget import DatasetBudgets

    budgets = DatasetBudgets(path)
    if data is not None and epsilon is not None:
        from guise.dpaf.data import load

        records = load(data)
        validate.budget(epsilon, delta, records=len(records))
        budgets.set_budget(budgets.identify(records.digest), Path(data).name, epsilon=epsilon, delta=delta)
    return [asdict(account) for account in budgets.accounts(delta=delta)]


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return ", ".join(value) if isinstance(value, tuple) else str(value)
