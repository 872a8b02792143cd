"""`guise dpaf sample`: synthetic images from a run."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from guise.cli import console
from guise.cli.dpaf import SEED
from guise.models.counting import counted

FORMATS = ("folder", "npz", "parquet", "hf")
"""The library's, named again so that --help needs no torch."""


@click.command()
@click.argument("run", type=click.Path(file_okay=False, path_type=Path))
@click.option("--count", type=click.IntRange(1), required=True, help="Images to draw.")
@click.option("--out", type=click.Path(path_type=Path), required=True, help="A folder, FILE.npz or FILE.parquet.")
@click.option("--format", "form", type=click.Choice(FORMATS), help="[default: by the name of --out, else folder]")
@click.option("--class", "class_", help="Name of the one class to draw. [default: all]")
@click.option("--equal", is_flag=True, help="As many images of each class. [default: as many as in the private data]")
@click.option("--seed", type=SEED, help="Draw the same images again.")
@click.option("--evaluation", type=click.Path(dir_okay=False, path_type=Path), help="For the card; see below.")
def sample(run: Path, out: Path, form: str | None, count: int, **options: Any) -> None:
    """Draw synthetic images from RUN. It costs no privacy, however many they are.

    A card goes with them: what they are, what is guaranteed and what is not, how to cite them. With --evaluation FILE,
    which holds what `guise dpaf evaluate RUN --json` printed, also how well classifiers do that are trained on them;
    the guarantee does not cover such figures. With --format hf the folder is one that Hugging Face's datasets reads.
    """
    from guise.dpaf import open_run
    from guise.dpaf.synthesis.samples import check_new
    from guise.models.files import printable

    check_new(out, form)
    with console.steps() as step:
        drawn = open_run(run).sample(count, **options, progress=step, announce=console.message)
    drawn.save(out, format=form)
    shown = "" if drawn.accepted is None else f"; {drawn.accepted:.0%} of the first draws showed their class"
    console.message(f"{counted(count, 'image')} in {printable(out)}{shown}")
