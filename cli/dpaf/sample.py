"""`guise dpaf sample`: synthetic images from a run."""

from __future__ import annotations

from pathlib import Path

import click

from guise.cli import console
from guise.cli.dpaf import SEED


@click.command()
@click.argument("run", type=click.Path(file_okay=False, path_type=Path))
@click.option("--count", type=click.IntRange(1), required=True, help="Images to draw.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A folder for PNG files, or FILE.npz.")
@click.option("--class", "class_", help="Name of the one class to draw. [default: all]")
@click.option("--equal", is_flag=True, help="As many images of each class. [default: as many as in the private data]")
@click.option("--seed", type=SEED, help="Draw the same images again.")
def sample(run: Path, count: int, out: Path, class_: str | None, equal: bool, seed: int | None) -> None:
    """Draw synthetic images from RUN. It costs no privacy, however many they are."""
    from guise.dpaf import open_run
    from guise.dpaf.synthesis.samples import check_new
    from guise.models.files import printable

    check_new(out)
    with console.steps() as step:
        drawn = open_run(run).sample(
            count, class_=class_, equal=equal, seed=seed, progress=step, announce=console.message
        )
    drawn.save(out)
    shown = "" if drawn.accepted is None else f"; {drawn.accepted:.0%} of the first draws showed their class"
    console.message(f"{count} images in {printable(out)}{shown}")
