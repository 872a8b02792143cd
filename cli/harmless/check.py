"""`guise harmless check`: what a changed picture does to a model, from the two files alone."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from guise.cli import console
from guise.cli.harmless.options import MODEL_HELP, SEVERAL, how_to_load
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

    The table gives the relative changes as layer / output, in each precision.
    """
    console.warn_quietly()
    from guise.harmless.jobs.checking import check as measure

    certificate = measure(original, perturbed, models, announce=console.message, **how)
    if as_json:
        console.show_json(certificate.to_json())
    else:
        console.table([certificate_row(perturbed.name, certificate)])
