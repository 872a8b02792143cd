"""`guise harmless generate`: photos that a model reads as before, with other content where it does not look."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from guise.cli import console
from guise.cli.harmless.options import MODEL_HELP, SEVERAL, how_to_load
from guise.cli.harmless.show import certificate_row

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option("--model", "models", multiple=True, required=True, help=MODEL_HELP + SEVERAL)
@click.option("--images", type=_FOLDER, required=True, help="Folder with photos of the size that the model reads.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Where copies go.")
@how_to_load
@click.option("--target", default="noise", show_default=True, metavar="noise|constant|PHOTO", help="What is put in.")
@click.option(
    "--mode",
    type=click.Choice(["replace", "add"]),
    default="replace",
    show_default=True,
    help="Erase what the model does not read, or add to it.",
)
@click.option("--magnitude", type=float, help="Share that is replaced [default: 1], or levels added [default: 32].")
@click.option("--exact-uint8", is_flag=True, help="Search for whole levels that change least of what the model reads.")
@click.option(
    "--approximate", type=float, metavar="BOUND", help="Use what the first layer shrinks below this share of its most."
)
@click.option("--non-linear", is_flag=True, help="Walk to the target while the whole model's output stays; slow.")
@click.option("--steps", default=40, show_default=True, type=click.IntRange(1), help="Steps of that walk.")
@click.option(
    "--moves",
    default=2000,
    show_default=True,
    type=click.IntRange(0),
    help="Moves of the search for whole levels, a block.",
)
@click.option("--seed", default=0, show_default=True, help="Seed of the noise.")
@click.option("--format", type=click.Choice(["png", "jpeg"]), default="png", show_default=True, help="Of the copies.")
@click.option("--allow-lossy", is_flag=True, help="Write JPEG although it changes what the model reads.")
@click.option("--json", "as_json", is_flag=True, help="Print all certificates as JSON on stdout.")
@click.pass_context
def generate(
    context: click.Context, /, images: Path, models: tuple[str, ...], out: Path, as_json: bool, **settings: Any
) -> None:
    """Replace what the model provably ignores in each photo, within [0, 255], and measure the written file.

    Anybody who holds the weights recovers what the model reads. Each copy gets a certificate, a JSON file next to it.
    A model that ignores nothing exactly takes --approximate or --non-linear, and copies are marked as approximate.
    Run the command again to go on where it was stopped.
    """
    console.warn_quietly()
    from guise.harmless.jobs.generating import generate as fill_folder
    from guise.models.files import printable

    with console.steps() as step:
        report = fill_folder(images, models, out=out, progress=step, announce=console.message, **settings)
    for photo in report.failed:
        console.message(f"not done: {printable(photo.photo)}: {photo.reason}")
    done = [photo for photo in report.photos if photo.certificate is not None]
    if as_json:
        console.show_json(report.to_json())
    elif done:
        console.table([certificate_row(photo.file, photo.certificate) for photo in done if photo.certificate])
    if report.failed:
        context.exit(3 if done else 1)
