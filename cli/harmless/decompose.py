"""`guise harmless decompose`: which part of a perturbation a model provably ignores, and which part acts."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from guise.cli import console
from guise.cli.harmless.options import MODEL_HELP, how_to_load

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option("--model", required=True, help=MODEL_HELP)
@click.option("--images", type=_FOLDER, required=True, help="Folder with the originals.")
@click.option(
    "--perturbed",
    type=_FOLDER,
    required=True,
    help="Folder with the perturbed photos, by the same names or as PNG.",
)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Draw both parts here, around mid grey.")
@how_to_load
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON on stdout.")
@click.pass_context
def decompose(
    context: click.Context,
    /,
    model: str,
    images: Path,
    perturbed: Path,
    out: Path | None,
    as_json: bool,
    **how: Any,
) -> None:
    """Split each perturbation into a harmless and a harmful part, and show that the harmful part does it all.

    `effect` is the relative change of the model's output. `unexplained` is how far the harmful part alone is from
    that: rounding, in float64 where the model runs in float64.
    """
    console.warn_quietly()
    from guise.harmless.jobs.decomposing import decompose as split
    from guise.models.files import printable

    with console.steps() as step:
        report = split(images, perturbed, model, out=out, progress=step, announce=console.message, **how)
    for name, reason in report.failed:
        console.message(f"not done: {printable(name)}: {reason}")
    if as_json:
        console.show_json(report.to_json())
    else:
        console.table([_row(**asdict(photo)) for photo in report.photos])
    if report.failed:
        context.exit(3 if report.photos else 1)


def _row(name: str, **figures: float) -> dict[str, str]:
    return {"name": name, **{figure: f"{value:.3g}" for figure, value in figures.items()}}
