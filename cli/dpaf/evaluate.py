"""`guise dpaf evaluate`: train on synthetic, test on real."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guise.cli import console
from guise.cli.dpaf import SEED
from guise.models.counting import counted

if TYPE_CHECKING:
    from guise.dpaf import Evaluation


@click.command()
@click.argument("run", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--test", required=True, help="Real test images, as --data of train: its test split, or all where there is none."
)
@click.option("--protocol", type=click.Choice(["quick", "full"]), default="quick", show_default=True)
@click.option("--extractor", type=click.Choice(["scattering", "inception"]), default="scattering", show_default=True)
@click.option("--count", type=click.IntRange(100), help="Synthetic images. [default: 20,000, full 60,000]")
@click.option("--neighbours", type=click.Path(dir_okay=False, path_type=Path), help="PNG of real images, see below.")
@click.option("--training", help="The private data, as --data of train: attacks the samples; for --neighbours.")
@click.option("--baseline", type=click.Path(file_okay=False, path_type=Path), help="What `guise dpaf baseline` made.")
@click.option("--seed", type=SEED, default=0, show_default=True)
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, ...: to train classifiers on.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
def evaluate(run: Path, as_json: bool, **options: Any) -> None:
    """Train classifiers on images drawn from RUN and test them on real ones; measure the Frechet distance.

    Accuracy is joined by balanced accuracy (the mean over classes) and the area under the ROC curve. With --baseline a
    private classifier that saw the real images is tested too. With --training membership in the private data is
    attacked by the distance to the nearest sample.

    With --neighbours: draw synthetic images, each above the private image nearest to it, to look for repetition. That
    picture shows private images. Where the real images are private, do not publish the picture or the figures: they are
    no part of the private release.
    """
    from guise.dpaf import open_run

    with console.steps() as step:
        result = open_run(run).evaluate(**options, progress=step, announce=console.message)
    if as_json:
        click.echo(result.to_json())
    else:
        _show(result, options["neighbours"])


def _show(result: Evaluation, neighbours: Path | None) -> None:
    from guise.models.files import printable

    rows = []
    for network in (*result.networks, *([result.baseline] if result.baseline else [])):
        by_class = zip(result.classes, network.by_class, strict=False)
        rows.append(network.row() | {name: "" if share is None else f"{share:.3f}" for name, share in by_class})
    console.table(rows)
    how = f"{result.protocol} protocol, {counted(result.samples, 'sample')}"
    console.message(f"mean accuracy on {result.test_images} real images: {result.mean:.4f} ({how})")
    distance = result.frechet
    sizes = f"{distance.images[0]} synthetic and {distance.images[1]} real images"
    mark = "" if distance.imagenet else ", without ImageNet's weights, so not as papers give it"
    console.message(f"Frechet distance: {distance.value:.3f} ({distance.extractor}{mark}; {sizes})")
    repeated = result.repetition
    if repeated is not None:
        where = "" if neighbours is None else f": {printable(neighbours)} shows private images"
        console.message(
            f"of {len(repeated.nearest)}, {repeated.nearer_to_training:.1%} are nearer to a training than to a test "
            f"image; distances tell members with an area under the curve of {repeated.membership:.3f} "
            f"± {repeated.attack.margin:.3f} (50% and 0.5 if nothing is given away){where}"
        )
