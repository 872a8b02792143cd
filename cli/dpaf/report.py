"""`guise dpaf report`: the privacy report of a run."""

from __future__ import annotations

import json
from pathlib import Path

import click

from cli import console


@click.command()
@click.argument("run", type=click.Path(file_okay=False, path_type=Path))
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on stdout instead.")
def report(run: Path, as_json: bool) -> None:
    """Write privacy.json and privacy.md into RUN: what was guaranteed and how to check it."""
    from dpaf.report import as_markdown, privacy_report
    from dpaf.runfolder import RunFolder
    from models.files import atomic_write, printable

    folder = RunFolder(run)
    found = privacy_report(folder.settings(), folder.ledger(), audit=folder.audit())
    encoded = json.dumps(found, indent=1)
    for name, text in (("privacy.json", encoded), ("privacy.md", as_markdown(found))):
        with atomic_write(run / name) as file:
            file.write(text.encode() + b"\n")
    if as_json:
        click.echo(encoded)
    else:
        click.echo(as_markdown(found))
        console.message(f"written to {printable(run)}: privacy.json, privacy.md")
