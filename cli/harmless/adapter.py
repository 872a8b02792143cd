"""`guise harmless adapter inspect|project`: fine-tuned updates and the subspace of a model's alignment."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guise.cli import console
from guise.models.counting import by_number, counted

if TYPE_CHECKING:
    from guise.harmless.jobs.adapting import AdaptedLayer, AdapterReport

_FOLDER = click.Path(exists=True, path_type=Path)
_NEW = click.Path(file_okay=False, path_type=Path)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def adapter() -> None:
    """Keep a fine-tuned adapter in the subspace in which its model was aligned (Safe LoRA).

    What lies in that subspace is a matter of linear algebra and is measured. That a model is safe is not: test it.
    """


def _options(command: Callable[..., Any]) -> Callable[..., Any]:
    for option in (
        click.option("--json", "as_json", is_flag=True, help="Print everything as JSON on stdout."),
        click.option(
            "--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw the layers' shares into this PNG."
        ),
        click.option(
            "--energy", type=float, metavar="SHARE", help="Directions of V count until they hold this share of it."
        ),
        click.option("--lowest", type=click.IntRange(0), help="Project so many layers, those with the lowest cosine."),
        click.option("--threshold", default=0.5, show_default=True, help="Project layers whose cosine lies below it."),
        click.option(
            "--projection",
            type=click.Choice(["orthogonal", "paper"]),
            default="orthogonal",
            show_default=True,
            help="The true projector, or V V^T / |V|_F, which rescales.",
        ),
        click.option("--aligned", type=_FOLDER, required=True, help="Folder of the aligned model."),
        click.option("--base", type=_FOLDER, required=True, help="Folder of the model before its alignment."),
        click.argument("adapter", type=_FOLDER),
    ):
        command = option(command)
    return command


@adapter.command()
@_options
def inspect(**settings: Any) -> None:
    """Show how much of each update of ADAPTER, a folder of PEFT, lies in the aligned subspace. Nothing is written."""
    _run(None, **settings)


@adapter.command()
@click.option("--out", type=_NEW, required=True, help="New folder for the adapter.")
@_options
def project(out: Path, **settings: Any) -> None:
    """Replace the updates of ADAPTER that leave the aligned subspace by their projection onto it."""
    _run(out, **settings)


def _run(out: Path | None, plot: Path | None, as_json: bool, **settings: Any) -> None:
    from guise.models.files.pictures import check_picture

    if plot is not None:
        check_picture(plot, "plot", ())
    console.warn_quietly()
    from guise.harmless.jobs.adapting import project_adapter

    with console.steps() as step:
        report = project_adapter(out=out, progress=step, **settings)
    if plot is not None:
        _draw(report, plot)
    if as_json:
        console.show_json(report.to_json())
    else:
        console.table([_row(layer) for layer in report.layers])
    if report.others:
        count = len(report.others)
        others = f"{counted(count, 'other tensor')}, such as {report.others[0]},"
        console.message(f"{others} {by_number(count, 'stays as it is', 'stay as they are')}")


def _row(layer: AdaptedLayer) -> dict[str, str]:
    return {
        "name": layer.name,
        "cosine": f"{layer.cosine:.3f}",
        "energy": f"{layer.energy:.3g}",
        "dimensions": "" if layer.rank is None else f"{layer.rank} of {layer.outputs}",
        "projected": "yes" if layer.projected else "",
        "after": "" if layer.cosine_after is None else f"{layer.cosine_after:.3f}",
    }


def _draw(report: AdapterReport, path: Path) -> None:
    """The cosine of each layer, before and after."""
    from matplotlib.figure import Figure

    from guise.models.files.pictures import save_figure

    layers: Sequence[AdaptedLayer] = report.layers
    figure = Figure(figsize=(8, 2 + 0.2 * len(layers)), layout="constrained")
    axes = figure.add_subplot(xlabel="cosine between the update and its projection", xlim=(-0.02, 1.02))
    places = range(len(layers))
    axes.plot([layer.cosine for layer in layers], places, "o", label="before")
    after = [(layer.cosine_after or 0.0, place) for layer, place in zip(layers, places, strict=True) if layer.projected]
    if after:
        axes.plot([cosine for cosine, _ in after], [place for _, place in after], "x", label="after")
    if report.threshold is not None:
        axes.axvline(report.threshold, linestyle=":", label="threshold")
    axes.set_yticks(list(places), [layer.name for layer in layers], fontsize=6)
    axes.invert_yaxis()
    axes.legend()
    save_figure(figure, path)
