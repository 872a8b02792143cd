"""`guise harmless generate`: photos that a model reads as before, with other content where it does not look."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import click

from guise.cli import console
from guise.cli.harmless.options import MODEL_HELP, SEVERAL, how_to_load, load_all
from guise.cli.harmless.show import certificate_row
from guise.models.errors import InputError

if TYPE_CHECKING:
    from guise.harmless.pictures.folders import Made

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option("--model", "models", multiple=True, required=True, help=MODEL_HELP + SEVERAL)
@click.option("--images", type=_FOLDER, required=True, help="Folder with photos of the size that the model reads.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), required=True, help="Where copies go.")
@how_to_load
@click.option("--target", default="noise", show_default=True, metavar="noise|constant|PHOTO", help="What is put in.")
@click.option("--mode", type=click.Choice(["replace", "add"]), default="replace", show_default=True)
@click.option("--magnitude", type=float, help="Share replaced [default: 1], or levels added [default: 32].")
@click.option("--exact-uint8", is_flag=True, help="Search for whole levels that change what is read least.")
@click.option(
    "--approximate", type=float, metavar="BOUND", help="Use what the first layer shrinks below this share of its most."
)
@click.option("--non-linear", is_flag=True, help="Walk to the target where the whole model's output stays; slow.")
@click.option("--steps", default=40, show_default=True, type=click.IntRange(1), help="Of that walk.")
@click.option("--moves", default=2000, show_default=True, type=click.IntRange(0), help="Of that search, a block.")
@click.option("--seed", default=0, show_default=True, help="Of noise.")
@click.option("--format", "format_", type=click.Choice(["png", "jpeg"]), default="png", show_default=True)
@click.option("--allow-lossy", is_flag=True, help="Write JPEG although it changes what the model reads.")
@click.option("--json", "as_json", is_flag=True, help="Print all certificates as JSON on stdout.")
@click.pass_context
def generate(
    context: click.Context,
    /,
    models: tuple[str, ...],
    images: Path,
    out: Path,
    target: str,
    mode: Literal["replace", "add"],
    magnitude: float | None,
    exact_uint8: bool,
    approximate: float | None,
    non_linear: bool,
    steps: int,
    moves: int,
    seed: int,
    format_: Literal["png", "jpeg"],
    allow_lossy: bool,
    as_json: bool,
    **how: Any,
) -> None:
    """Replace what the model provably ignores in each photo, within [0, 255], and measure the written file.

    Whoever holds the weights recovers what the model reads. Beside each copy lies its certificate (.json).
    A model that ignores nothing exactly takes --approximate or --non-linear, and copies are marked as approximate.
    Run again, it goes on where it was stopped.
    """
    if format_ == "jpeg" and not allow_lossy:
        raise InputError("JPEG undoes what was fitted to the model: keep --format png, or add --allow-lossy")
    if non_linear and (approximate is not None or exact_uint8 or mode == "add" or magnitude is not None):
        raise InputError(
            "--non-linear goes with none of --approximate, --exact-uint8, --mode and --magnitude: drop them"
        )
    console.warn_quietly()
    from guise.harmless.pictures import targets
    from guise.harmless.pictures.folders import Job, generate_folder
    from guise.harmless.pictures.generation import GenerationSettings
    from guise.harmless.pictures.level_set import WalkSettings
    from guise.harmless.pictures.rounding import SearchSettings
    from guise.models.files import check_output_folder, check_writable, list_photos, only_one, printable, remove_stale

    settings = GenerationSettings(mode, magnitude, exact_uint8, SearchSettings(moves))
    walk = WalkSettings(steps) if non_linear else None
    job = Job(settings, targets.parse(target), seed, format_, approximate, walk)
    photos = list_photos(images).photos
    check_output_folder(images, out)
    check_writable(out)
    context.with_resource(only_one(out, remedy="name another --out"))
    remove_stale(out)
    loaded = load_all(models, **how)
    made: list[Made] = []
    with console.steps() as step:
        for one in generate_folder(images, photos, out, loaded, job):
            made.append(one)
            step("generating", len(made), len(photos))
    failed = [one for one in made if one.reason]
    for one in failed:
        console.message(f"not done: {printable(one.photo)}: {one.reason}")
    if as_json:
        click.echo(json.dumps({"photos": [asdict(one) for one in made]}, indent=1, allow_nan=False))
    elif len(failed) < len(made):
        console.table([certificate_row(one.file, one.certificate) for one in made if one.certificate is not None])
    if failed:
        context.exit(1 if len(failed) == len(made) else 3)
