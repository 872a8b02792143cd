"""`guise harmless check`: what a changed picture does to a model, from the two files alone."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from guise.cli import console
from guise.cli.harmless.options import MODEL_HELP, SEVERAL, how_to_load, load_all, read_for
from guise.cli.harmless.show import certificate_row

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
    from guise.harmless.pictures.certificate import Certifier
    from guise.harmless.projection import projector
    from guise.harmless.tracing import NonLinearFirstError, read

    loaded = load_all(models, **how)
    before, after = read_for(loaded, original), read_for(loaded, perturbed)
    try:
        found = projector(read(loaded.model, loaded.input_shape).joint)
    except NonLinearFirstError as error:
        console.message(f"Only the output is compared: {error}.")
        found = None
    certificate = Certifier(loaded.model, found).certify(before.pixels, after.pixels)
    if as_json:
        click.echo(json.dumps(asdict(certificate), indent=1, allow_nan=False))
    else:
        console.table([certificate_row(perturbed.name, certificate)])
