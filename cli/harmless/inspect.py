"""`guise harmless inspect`: how much of its input each linear operation of a model provably ignores."""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guise.cli import console
from guise.cli.harmless.options import MODEL_HELP, how_to_load, load_all
from guise.models.errors import InputError

if TYPE_CHECKING:
    from guise.harmless.inspection import Space

_CONVERGED = 1e-6


@click.command(epilog=f"MODEL: {MODEL_HELP}")
@click.argument("models", metavar="MODEL...", nargs=-1, required=True)
@how_to_load
@click.option("--layer", metavar="NAME", help="Follow what enters this layer instead of the photo.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw the spectra into this PNG.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON on stdout.")
def inspect(models: tuple[str, ...], layer: str | None, plot: Path | None, as_json: bool, **how: Any) -> None:
    """Show the linear operations that read a MODEL's input, and the dimensions of it that they cannot see.

    `counted` is what weights in general position leave, `measured` comes from the singular values ("~": estimated by
    random probes, where there are too many; "≤" where that did not converge). What is not known to be linear counts as
    read in full. Of several MODELs the last row is what all of them ignore.
    """
    if plot is not None:
        console.check_picture(plot, "--plot", ())
    console.warn_quietly()
    from guise.harmless.inspection import inspect as measure
    from guise.harmless.tracing import read

    loaded = load_all(models, **how)
    if layer is not None and len(models) > 1:
        raise InputError("--layer follows one model; name one MODEL")
    reading = read(loaded.model, loaded.input_shape, layer=None if layer is None else f"network.{layer}")
    spaces = [replace(space, name=_name(space.name, models)) for space in measure(reading)]
    if plot is not None:
        _draw(spaces, plot)
    if as_json:
        shape = list(reading.input_shape)
        report = {
            "model": list(models),
            "layer": layer,
            "shape": shape,
            "spaces": [_as_json(space) for space in spaces],
        }
        click.echo(json.dumps(report, indent=1, allow_nan=False))
    else:
        console.table([_row(space) for space in spaces])


def _name(part: str, models: tuple[str, ...]) -> str:
    """What users call the layer, with its model where there are several."""
    several = re.fullmatch(r"models\.(\d+)\.network\.(.*)", part)
    return f"{models[int(several[1])]} {several[2]}" if several else part.removeprefix("network.")


def _row(space: Space) -> dict[str, str]:
    size = space.nullity
    most = "≤" if space.leakage > _CONVERGED else ""
    measured = f"{most}~{size.estimated:.0f} ± {size.deviation:.0f}" if size.measured is None else str(size.measured)
    return {
        "name": space.name,
        "n": str(size.n),
        "m": str(size.m),
        "counted": str(size.formula),
        "measured": measured,
        "share": f"{size.best / size.n:.1%}",
        "unread px": "" if space.unread_pixels is None else str(space.unread_pixels),
        "cond.": "" if space.condition is None else f"{space.condition:.3g}",
        "leakage": f"{space.leakage:.0e}",
    }


def _as_json(space: Space) -> dict[str, Any]:
    """Everything but the spectrum itself, which has a value a dimension: its deciles."""
    values = space.singular_values
    deciles = None
    if values is not None and len(values):
        deciles = [float(values[round(share / 10 * (len(values) - 1))]) for share in range(11)]
    return {
        "name": space.name,
        "operation": space.operator,
        **asdict(space.nullity),
        "unread_pixels": space.unread_pixels,
        "method": space.method,
        "condition": space.condition if space.condition is None or math.isfinite(space.condition) else None,
        "near_null": space.near_null and {str(limit): share for limit, share in space.near_null.items()},
        "leakage": space.leakage,
        "spectrum_deciles": deciles,
    }


def _draw(spaces: list[Space], path: Path) -> None:
    """Singular values, relative to the largest, over the share of the input's dimensions."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot(xlabel="share of the input's dimensions", ylabel="singular value / largest", yscale="log")
    for space in spaces:
        if space.singular_values is None:
            axes.plot([], [], label=f"{space.name}: too large for its spectrum")
            continue
        rank = space.nullity.n - space.nullity.best
        values = space.singular_values[:rank] / space.singular_values[0]
        share = [index / space.nullity.n for index in range(len(values))]
        axes.plot(share, values.tolist(), label=f"{space.name}: {space.nullity.best / space.nullity.n:.1%} is null")
    axes.set_xlim(0, 1)
    axes.legend()
    console.save_figure(figure, path)
