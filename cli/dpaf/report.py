"""`guise dpaf report`: the privacy report of a run."""

from __future__ import annotations

from pathlib import Path

import click

from guise.cli import console


@click.command()
@click.argument("run", type=click.Path(file_okay=False, path_type=Path))
@click.option("--page", type=click.Path(dir_okay=False, path_type=Path), help="[default: report.html in RUN]")
@click.option(
    "--evaluation",
    type=click.Path(dir_okay=False, path_type=Path),
    help="What `guise dpaf evaluate RUN --json` printed: its figures go into --page.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON on stdout instead.")
def report(run: Path, page: Path | None, evaluation: Path | None, as_json: bool) -> None:
    """Write privacy.json, privacy.md, privacy.png and report.html into RUN: what was guaranteed and how to check it.

    RUN may be published with them. Figures of an evaluation come from real images, so with --evaluation the page must
    lie elsewhere: --page.
    """
    from guise.dpaf import open_run
    from guise.models.files import printable

    result = open_run(run).report(evaluation=evaluation, page=page)
    if as_json:
        click.echo(result.to_json())
    else:
        click.echo(result.to_markdown())
        shown = "report.html" if page is None else f"and to {printable(page)}"
        console.message(f"written to {printable(run)}: privacy.json, privacy.md, privacy.png, {shown}")
