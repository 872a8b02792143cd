"""`guise harmless attack`: what others recover of a picture whose null part was replaced."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guise.cli import console
from guise.cli.harmless.options import MODEL_HELP, SEVERAL, how_to_load, load_all, read_for
from guise.models.errors import InputError

if TYPE_CHECKING:
    from guise.harmless.loading import Loaded
    from guise.harmless.pictures.identity import Gallery
    from guise.models.files import Photo

_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("original", type=_FILE)
@click.argument("versions", type=_FILE, nargs=-1, required=True)
@click.option("--model", "models", multiple=True, required=True, help=MODEL_HELP + SEVERAL)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write what was recovered here, as PNG.")
@click.option("--among", type=_FOLDER, help="Folder with other photos: which rank ORIGINAL takes among them, too.")
@how_to_load
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON on stdout.")
def attack(
    original: Path,
    versions: tuple[Path, ...],
    models: tuple[str, ...],
    out: Path | None,
    among: Path | None,
    as_json: bool,
    **how: Any,
) -> None:
    """Recover ORIGINAL from changed VERSIONS of it, with and without the model's weights, and say how well.

    The higher SSIM and PSNR, the more is recovered. That they are low for these attacks does not prove privacy.
    By the model's own output, ORIGINAL is found among others by design: that output is what was kept.
    """
    console.warn_quietly()
    from guise.harmless.pictures.attacks import attack as recover
    from guise.harmless.projection import projector
    from guise.harmless.tracing import read
    from guise.models.files import check_writable, plain, write_photo

    if out is not None:
        check_writable(out)
    loaded = load_all(models, **how)
    photos = [read_for(loaded, path) for path in (original, *versions)]
    found = projector(read(loaded.model, loaded.input_shape).joint)
    gallery = None if among is None else _gallery(photos[0], among, loaded)
    results = recover(photos[0].pixels, [photo.pixels for photo in photos[1:]], found)
    rows: list[dict[str, Any]] = [
        {
            "attack": one.attack,
            "needs_weights": one.needs_weights,
            **asdict(one.likeness),
            **({} if gallery is None else {"rank": asdict(gallery.rank(one.picture))}),
        }
        for one in results
    ]
    if as_json:
        click.echo(json.dumps({"attacks": rows}, indent=1, allow_nan=False))
    else:
        console.table(
            [
                {
                    "attack": row["attack"],
                    "needs weights": "yes" if row["needs_weights"] else "no",
                    "SSIM": f"{row['ssim']:.3f}",
                    "PSNR": "" if row["psnr"] is None else f"{row['psnr']:.1f} dB",
                    **_ranks(row.get("rank")),
                }
                for row in rows
            ]
        )
    if out is not None:  # last: should another file be in the way, the result is known all the same
        for one in results:
            name = f"{versions[0].stem}.{one.attack.replace(' ', '-')}.png"
            write_photo(out / name, plain(photos[0]), one.picture, overwrite=False)


def _gallery(original: Photo, folder: Path, loaded: Loaded) -> Gallery:
    """The original and all photos of a folder that have its size and are not itself."""
    from guise.harmless.pictures.identity import Gallery
    from guise.models.files import list_photos, printable, read_photo

    photos = [read_photo(folder / path) for path in list_photos(folder).photos]
    others = [photo.pixels for photo in photos if photo.pixels.shape == original.pixels.shape]
    others = [pixels for pixels in others if (pixels != original.pixels).any()]
    if len(others) < len(photos):
        console.message(
            f"{len(photos) - len(others)} photos of {printable(folder)} are the original or of another size"
        )
    if not others:
        raise InputError(f"{printable(folder)} holds no other photo of the original's size; name another with --among")
    return Gallery(original.pixels, others, loaded.model)


def _ranks(rank: dict[str, int] | None) -> dict[str, str]:
    if rank is None:
        return {}
    return {f"rank by {way}": f"{rank[f'by_{way}']} of {rank['candidates']}" for way in ("pixels", "output")}
