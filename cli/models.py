"""`guise models`: the recognisers, their terms, and whether their weights are here and unchanged."""

from __future__ import annotations

import dataclasses
import json
from typing import Any

import click

from guise.cli import console
from guise.cli.team import team
from guise.models import registry
from guise.models.errors import GuiseError
from guise.models.recognisers import frbench
from guise.models.recognisers.record import Record
from guise.models.weights import cache, weight_file
from guise.models.weights.download import readable_size
from guise.models.weights.record import WeightRecord


@click.group()
def models() -> None:
    """List the recognisers, fetch and check their weights and those of LPIPS, and rank teams of recognisers."""


models.add_command(team)


@models.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print all that is known, as JSON.")
def list_(as_json: bool) -> None:
    """Show each recogniser, and LPIPS: source, size, licence, whether its weights are here, and what it stands for.

    A recogniser stands for software that uses the same network or one of its kind, as far as that software says so.
    Those of FRBench are shown where its package or their weights are here; --json shows them always.
    """
    rows = [
        {**dataclasses.asdict(r), "recogniser": isinstance(r, Record), "state": weight_file.state(r)}
        for r in registry.records().values()
    ]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
        return
    if frbench.is_installed():
        shown = rows
    else:
        shown = [row for row in rows if not row["name"].startswith(frbench.PREFIX) or row["state"] != "not fetched"]
    for row in shown:
        about = f"about {4 * row['parameters']:.0f} MB" if row.get("parameters") else readable_size(None)
        row["size"] = readable_size(row["bytes"]) if row["bytes"] else about
        row["stands for"] = row.get("stands_for", "")
    columns = ("name", "source", "size", "licence", "state", "stands for")
    console.table([{column: str(row[column]) for column in columns} for row in shown])
    if len(shown) < len(rows):
        console.message(f"{len(frbench.RECORDS)} more are FRBench's: `{frbench.INSTALL}` to see and use them.")


@models.command()
@click.argument("names", nargs=-1, required=True)
@click.option("--offline", is_flag=True, help="Open no connection; fail where something is missing.")
@click.pass_context
def fetch(context: click.Context, names: tuple[str, ...], offline: bool) -> None:
    """Fetch the weights NAMES, unless they are here. Their sizes and licences are shown first."""
    records = [registry.get(name) for name in dict.fromkeys(names)]
    failures: list[GuiseError] = []
    for record in records:
        try:
            with console.download_bar() as progress:
                path = weight_file.obtain(
                    record, offline=offline, replace_damaged=True, progress=progress, announce=console.message
                )
            console.message(f"{record.name}: ready, {path}")
        except GuiseError as error:
            failures.append(error)
    nothing_done = len(failures) == len(records)
    for failure in failures[:-1] if nothing_done else failures:
        console.message(str(failure))
    if nothing_done:
        raise failures[-1]
    if failures:
        context.exit(3)


@models.command()
@click.argument("names", nargs=-1)
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.pass_context
def verify(context: click.Context, names: tuple[str, ...], as_json: bool) -> None:
    """Hash the weights of NAMES again (default: all that are here). Exit with 1 if a file is not as expected."""
    chosen = [registry.get(name) for name in dict.fromkeys(names)]
    rows = [_check(record) for record in chosen or registry.records().values()]
    if as_json:
        click.echo(json.dumps(rows, indent=1))
    else:
        console.table([{column: str(row[column]) for column in ("name", "result")} for row in rows])
    for row in rows:
        if row["result"] == "differs":
            advice = weight_file.cure(registry.get(row["name"]))
            console.message(f"{row['name']}: sha256 is {row['sha256']}, not {row['expected']}; {advice}")
    bad = {"differs", "not fetched"} if chosen else {"differs"}
    if any(row["result"] in bad for row in rows):
        context.exit(1)


def _check(record: WeightRecord) -> dict[str, Any]:
    """One record's result: `ok`, `differs`, `not recorded` (no hash to compare with) or `not fetched`."""
    row: dict[str, Any] = {"name": record.name, "result": "not fetched", "sha256": None, "expected": None}
    if weight_file.state(record) != "not fetched":
        row["sha256"] = cache.sha256_of(weight_file.locate(record))
        row["expected"] = weight_file.expected_sha256(record)
        if row["expected"] is None:
            row["result"] = "not recorded"
        else:
            row["result"] = "ok" if row["sha256"] == row["expected"] else "differs"
    return row
