"""`guise models`: the recognisers, their terms, and whether their weights are here and unaltered."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from models import cache, registry, weights
from models.download import Progress, readable_size
from models.errors import GuiseError
from models.registry import Record


@click.group()
def models() -> None:
    """List, fetch and check the weights of the recognisers."""


def _rows(rows: list[dict[str, Any]], columns: list[str]) -> None:
    """Print `columns` of `rows` as a table on stdout."""
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold", no_wrap=column == "name")
    for row in rows:
        table.add_row(*(str(row[column]) for column in columns))
    Console(highlight=False, markup=False).print(table)


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print everything that is known as JSON.")
def list_(as_json: bool) -> None:
    """Show each recogniser: source, size, licence, and whether its weights are here."""
    rows = [{**dataclasses.asdict(r), "state": weights.state(r)} for r in registry.RECORDS.values()]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    for row in rows:
        row["size"] = readable_size(row["bytes"])
    _rows(rows, ["name", "source", "size", "licence", "state"])


@contextmanager
def _bar() -> Iterator[Progress]:
    """A progress bar on stderr, drawn from the first bytes on, where someone can watch it."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.progress import Progress as RichProgress

    columns = (BarColumn(), DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with RichProgress(*columns, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task("", total=None, visible=False)
        yield lambda done, total: bar.update(task, completed=done, total=total, visible=True)


@models.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--offline", is_flag=True, help="Open no connection; fail where something is missing.")
@click.pass_context
def fetch(context: click.Context, names: tuple[str, ...], offline: bool) -> None:
    """Fetch the weights of NAMES, unless they are here. Sizes and licences are shown before."""
    records = [registry.get(name) for name in dict.fromkeys(names)]
    failures: list[GuiseError] = []
    for record in records:
        try:
            with _bar() as progress:
                path = weights.obtain(
                    record, offline=offline, replace_damaged=True, progress=progress, announce=_message
                )
            _message(f"{record.name}: ready, {path}")
        except GuiseError as error:
            failures.append(error)
    nothing_done = len(failures) == len(records)
    for failure in failures[:-1] if nothing_done else failures:
        _message(str(failure))
    if nothing_done:
        raise failures[-1]
    if failures:
        context.exit(3)


def _message(text: str) -> None:
    click.echo(text, err=True)


@models.command()
@click.argument("names", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def verify(context: click.Context, names: tuple[str, ...], as_json: bool) -> None:
    """Hash the weights of NAMES again (default: all that are here). Exit with 1 if any is not as expected."""
    chosen = [registry.get(name) for name in dict.fromkeys(names)]
    rows = [_check(record) for record in chosen or registry.RECORDS.values()]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
    else:
        _rows(rows, ["name", "result"])
    for row in rows:
        if row["result"] == "differs":
            advice = weights.cure(registry.get(row["name"]))
            _message(f"{row['name']}: sha256 is {row['sha256']}, not {row['expected']}; {advice}")
    bad = {"differs", "not fetched"} if chosen else {"differs"}
    if any(row["result"] in bad for row in rows):
        context.exit(1)


def _check(record: Record) -> dict[str, Any]:
    """One record's result: `ok`, `differs`, `not recorded` (no hash to compare with) or `not fetched`."""
    row: dict[str, Any] = {"name": record.name, "result": "not fetched", "sha256": None, "expected": None}
    if weights.state(record) != "not fetched":
        row["sha256"] = cache.sha256_of(weights.locate(record))
        row["expected"] = weights.expected_sha256(record)
        if row["expected"] is None:
            row["result"] = "not recorded"
        else:
            row["result"] = "ok" if row["sha256"] == row["expected"] else "differs"
    return row
