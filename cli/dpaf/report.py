"""`guise dpaf report`: the privacy report of a run."""

from __future__ import annotations

from pathlib import Path

import click

from guise.cli import console


@click.command()
@click.argument("run", type=click.Path(file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on stdout instead.")
def report(run: Path, as_json: bool) -> None:
    """Write privacy.json, privacy.md and privacy.png into RUN: what was guaranteed and how to check it."""
    from guise.dpaf import open_run
    from guise.models.files import printable

    result = open_run(run).report()
    if as_json:
        click.echo(result.to_json())
    else:
        click.echo(result.to_markdown())
        console.message(f"written to {printable(run)}: privacy.json, privacy.md, privacy.png")
