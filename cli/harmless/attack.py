"""`guise harmless attack`: what opponents recover of a picture whose null part was replaced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from guise.cli import console
from guise.cli.harmless.options import MODEL_HELP, SEVERAL, how_to_load

_FILE = click.Path(dir_okay=False, path_type=Path)
_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command()
@click.argument("original", type=_FILE)
@click.argument("versions", type=_FILE, nargs=-1, required=True)
@click.option("--model", "models", multiple=True, required=True, help=MODEL_HELP + SEVERAL)
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), help="Write what was recovered here, as PNG.")
@click.option("--among", type=_FOLDER, help="Folder with other photos: measure which rank ORIGINAL takes among them.")
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

    The higher SSIM and PSNR are, the more is recovered. Low figures for these attacks do not prove privacy.
    The model's own output finds ORIGINAL among others by design: that output is what was kept.
    """
    console.warn_quietly()
    from guise.harmless.jobs.attacking import attack as recover
    from guise.models.files import check_writable

    if out is not None:
        check_writable(out)
    report = recover(original, versions, models, among=among, announce=console.message, **how)
    if as_json:
        console.show_json(report.to_json())
    else:
        console.table([_row(row) for row in report.rows()])
    if out is not None:  # last: should another file be in the way, the result is known all the same
        report.write(out, name=versions[0].stem)


def _row(values: dict[str, Any]) -> dict[str, str]:
    return {
        "attack": values["attack"],
        "needs weights": "yes" if values["needs_weights"] else "no",
        "SSIM": f"{values['ssim']:.3f}",
        "PSNR": "" if values["psnr"] is None else f"{values['psnr']:.1f} dB",
        **_ranks(values.get("rank")),
    }


def _ranks(rank: dict[str, int] | None) -> dict[str, str]:
    if rank is None:
        return {}
    return {f"rank by {way}": f"{rank[f'by_{way}']} of {rank['candidates']}" for way in ("pixels", "output")}
