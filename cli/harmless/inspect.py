"""`guise harmless inspect`: how much of its input each linear operation of a model provably ignores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guise.cli import console
from guise.cli.harmless.options import MODEL_HELP, how_to_load

if TYPE_CHECKING:
    from guise.harmless.inspection import OperationSpace


@click.command(epilog=f"MODEL: {MODEL_HELP}")
@click.argument("models", metavar="MODEL...", nargs=-1, required=True)
@how_to_load
@click.option("--layer", metavar="NAME", help="Follow what enters this layer instead of the photo.")
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw the spectra into this PNG.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON on stdout.")
def inspect(models: tuple[str, ...], plot: Path | None, as_json: bool, **settings: Any) -> None:
    """Show the linear operations that read a MODEL's input, and the dimensions of it that they cannot see.

    `counted` is what weights in general position leave. `measured` comes from the singular values; "~" marks an
    estimate by random probes, where there are too many values, and "≤" an estimate that did not converge. An operation
    that is not known to be linear counts as one that reads all. Of several MODELs the last row is what all ignore.
    """
    from guise.models.files.pictures import check_picture

    if plot is not None:
        check_picture(plot, "plot", ())
    console.warn_quietly()
    from guise.harmless.space import inspect as measure

    inspection = measure(models, announce=console.message, **settings)
    if plot is not None:
        _draw(inspection.spaces, plot)
    if as_json:
        console.show_json(inspection.to_json())
    else:
        console.table([_row(space) for space in inspection.spaces])


def _row(space: OperationSpace) -> dict[str, str]:
    size = space.size
    most = "" if space.converged else "≤"
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


def _draw(spaces: Sequence[OperationSpace], path: Path) -> None:
    """Singular values, relative to the largest, over the share of the input's dimensions."""
    from matplotlib.figure import Figure

    from guise.models.files.pictures import save_figure

    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot(xlabel="share of the input's dimensions", ylabel="singular value / largest", yscale="log")
    for space in spaces:
        size = space.size
        if space.singular_values is None:
            axes.plot([], [], label=f"{space.name}: too large for its spectrum")
            continue
        values = space.singular_values[: size.n - size.best] / space.singular_values[0]
        share = [index / size.n for index in range(len(values))]
        axes.plot(share, values.tolist(), label=f"{space.name}: {size.best / size.n:.1%} is null")
    axes.set_xlim(0, 1)
    axes.legend()
    save_figure(figure, path)
