"""`guise harmless check`: what a changed picture does to a model, from the two files alone."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from cli import console
from cli.harmless.options import MODEL_HELP, SEVERAL, how_to_load, load_all
from cli.harmless.show import certificate_row
from models.errors import InputError

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command()
@click.argument("original", type=_FILE)
@click.argument("perturbed", type=_FILE)
@click.option("--model", "models", multiple=True, required=True, help=MODEL_HELP + SEVERAL)
@how_to_load
@click.option("--json", "as_json", is_flag=True, help="Print the certificate as JSON on stdout.")
def check(original: Path, perturbed: Path, models: tuple[str, ...], as_json: bool, **how: Any) -> None:
    """Measure how PERTURBED differs from ORIGINAL to a model: its first layer, its output, and to the eye.

    Changes are given as layer / output, relative, in each precision.
    """
    console.warn_quietly()
    from harmless.pictures.certificate import Certifier
    from harmless.projection import projector
    from harmless.tracing import read
    from models.files import printable, read_photo

    before, after = read_photo(original), read_photo(perturbed)
    loaded = load_all(models, **how)
    for path, photo in ((original, before), (perturbed, after)):
        if photo.pixels.shape[:2] != loaded.input_shape[1:]:
            height, width = photo.pixels.shape[:2]
            wanted = "x".join(map(str, loaded.input_shape[:0:-1]))
            raise InputError(
                f"{printable(path)} is {width}x{height}, the model reads {wanted}; resize it or set --input"
            )
    try:
        found = projector(read(loaded.model, loaded.input_shape).joint)
    except InputError as error:  # nothing linear comes first: the output can still be compared
        console.message(f"Only the output is compared: {error}.")
        found = None
    certificate = Certifier(loaded.model, found).certify(before.pixels, after.pixels)
    if as_json:
        click.echo(json.dumps(asdict(certificate), indent=1, allow_nan=False))
    else:
        console.table([certificate_row(perturbed.name, certificate)])
