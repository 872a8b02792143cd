"""`guise harmless decompose`: which part of a perturbation a model provably ignores, and which part acts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from guise.cli import console
from guise.cli.harmless.options import MODEL_HELP, how_to_load, load_all, read_for

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.option("--model", required=True, help=MODEL_HELP)
@click.option("--images", type=_FOLDER, required=True, help="Folder with the originals.")
@click.option(
    "--perturbed",
    type=_FOLDER,
    required=True,
    help="Folder with them perturbed, by the same names or as PNG.",
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
    """Split each perturbation into a harmless and a harmful part, and show that the harmful one does all there is.

    `effect` is the relative change of the model's output, `unexplained` what of it the harmful part alone does not
    give: rounding, in float64 where the model runs so.
    """
    console.warn_quietly()
    from guise.harmless.pictures.decomposition import decompose as split
    from guise.harmless.pictures.decomposition import precise, visible
    from guise.harmless.projection import projector
    from guise.harmless.tracing import read
    from guise.models.errors import ImageError, InputError
    from guise.models.files import check_output_folder, check_writable, list_photos, plain, printable, write_photo

    photos = list_photos(images).photos
    if out is not None:
        check_output_folder(images, out)
        check_output_folder(perturbed, out)
        check_writable(out)
    loaded = load_all([model], **how)
    found = projector(read(loaded.model, loaded.input_shape).joint)
    if (dtype := precise(loaded)).itemsize < 8:
        console.message("The model does not run in float64: its outputs are compared in float32.")
    rows: list[dict[str, Any]] = []
    failed = 0
    for path in photos:
        try:
            before, after = read_for(loaded, images / path), read_for(loaded, _partner(perturbed, path))
            parts = split(before.pixels, after.pixels, loaded.model, found, dtype=dtype)
            if out is not None:
                for kind, part in (("harmless", parts.harmless), ("harmful", parts.harmful)):
                    write_photo(out / f"{path.as_posix()}.{kind}.png", plain(before), visible(part), overwrite=False)
        except (ImageError, InputError) as error:
            console.message(f"not done: {printable(path)}: {error}")
            failed += 1
            continue
        rows.append(
            {
                "name": path.as_posix(),
                "harmless_share": parts.harmless_share,
                "effect": parts.effect,
                "unexplained": parts.unexplained,
            }
        )
    if as_json:
        click.echo(json.dumps({"photos": rows}, indent=1, allow_nan=False))
    else:
        console.table([{"name": row["name"], **{k: f"{row[k]:.3g}" for k in list(row)[1:]}} for row in rows])
    if failed:
        context.exit(1 if failed == len(photos) else 3)


def _partner(folder: Path, path: Path) -> Path:
    """The perturbed photo: of the same name, or the PNG that `generate` has made of a photo in another format."""
    made = folder / path.with_suffix(".png")
    return made if made.is_file() and not (folder / path).is_file() else folder / path
