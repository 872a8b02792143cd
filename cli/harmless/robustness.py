"""`guise harmless robustness`: a classifier's answers under perturbations of its input and of its weights together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guise.cli import console
from guise.cli.harmless.options import MODEL_HELP, how_to_load

if TYPE_CHECKING:
    from guise.harmless.jobs.perturbing import RobustnessReport


@click.command(epilog=f"MODEL: {MODEL_HELP}")
@click.argument("model")
@click.option(
    "--images", type=click.Path(exists=True, path_type=Path), required=True, help="Folder, or .npz with labels."
)
@click.option(
    "--input-epsilon",
    type=float,
    multiple=True,
    default=(1.0, 2.0, 4.0),
    show_default=True,
    help="Size in levels of 255. Repeat it.",
)
@click.option(
    "--weight-epsilon",
    type=float,
    multiple=True,
    default=(0.001, 0.003, 0.01),
    show_default=True,
    help="Size for each entry of a matrix or a kernel. Repeat it.",
)
@click.option("--steps", default=10, show_default=True, type=click.IntRange(1), help="Steps of the search.")
@click.option("--restarts", default=1, show_default=True, type=click.IntRange(1), help="The first starts at zero.")
@click.option("--seed", default=0, show_default=True, help="Seed of the other starts.")
@how_to_load
@click.option("--plot", type=click.Path(dir_okay=False, path_type=Path), help="Draw the surface into this PNG.")
@click.option("--json", "as_json", is_flag=True, help="Print everything as JSON on stdout.")
def robustness(plot: Path | None, as_json: bool, **settings: Any) -> None:
    """Show a classifier's accuracy where its input and its weights are perturbed at once.

    Rows are sizes of the input's perturbation, columns of the weights'. Each cell has the accuracy under the worst that
    was found, the median margin, and the share of photos for which the answer is proven to stay, where that is known.
    """
    from guise.models.files.pictures import check_picture

    if plot is not None:
        check_picture(plot, "plot", ())
    console.warn_quietly()
    from guise.harmless.jobs.perturbing import robustness as measure

    with console.steps() as step:
        report = measure(progress=step, announce=console.message, **settings)
    if plot is not None:
        _draw(report, plot)
    if as_json:
        console.show_json(report.to_json())
    else:
        console.table(_rows(report))


def _rows(report: RobustnessReport) -> list[dict[str, str]]:
    rows = []
    for i, size in enumerate(report.input_epsilons):
        cells = {"name": f"{size:g} levels"}
        for j, weight in enumerate(report.weight_epsilons):
            proven = "" if report.certified is None else f" ≥{report.certified[i][j]:.0%}"
            cells[f"±{weight:g}"] = f"{report.accuracy[i][j]:.0%}{proven} ({report.margin[i][j]:.2g})"
        rows.append(cells)
    return rows


def _draw(report: RobustnessReport, path: Path) -> None:
    """Accuracy as a picture: one square a pair of sizes."""
    from matplotlib.figure import Figure

    from guise.models.files.pictures import save_figure

    figure = Figure(figsize=(7, 5), layout="constrained")
    axes = figure.add_subplot(xlabel="weights, ±", ylabel="input, ± levels", title=f"accuracy of {report.model}")
    drawn = axes.imshow(report.accuracy, vmin=0, vmax=1, origin="lower", aspect="auto")
    axes.set_xticks(range(len(report.weight_epsilons)), [f"{size:g}" for size in report.weight_epsilons])
    axes.set_yticks(range(len(report.input_epsilons)), [f"{size:g}" for size in report.input_epsilons])
    for i, row in enumerate(report.accuracy):
        for j, value in enumerate(row):
            axes.text(j, i, f"{value:.0%}", ha="center", va="center", color="black" if value > 0.5 else "white")
    figure.colorbar(drawn)
    save_figure(figure, path)
