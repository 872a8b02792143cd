"""`guise dpaf evaluate`: train on synthetic, test on real."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from guise.cli import console
from guise.cli.dpaf import SEED

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
@click.option("--training", help="The private data, for --neighbours: as --data of train.")
@click.option("--seed", type=SEED, default=0, show_default=True)
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, ...: to train classifiers on.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
def evaluate(run: Path, as_json: bool, **options: Any) -> None:
    """Train classifiers on images drawn from RUN and test them on real ones; measure the Frechet distance.

    With --neighbours and --training: draw synthetic images, each above the private image nearest to it, to look for
    repetition. That picture shows private images. Where the real images are private, do not publish the picture or the
    figures: they are no part of the private release.
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
    for network in result.networks:
        by_class = zip(result.classes, network.by_class, strict=False)
        shares = {name: "" if share is None else f"{share:.3f}" for name, share in by_class}
        rows.append({"network": network.network, "accuracy": f"{network.accuracy:.4f}"} | shares)
    console.table(rows)
    how = f"{result.protocol} protocol, {result.samples} samples"
    console.message(f"mean accuracy on {result.test_images} real images: {result.mean:.4f} ({how})")
    distance = result.frechet
    sizes = f"{distance.images[0]} synthetic and {distance.images[1]} real images"
    mark = "" if distance.imagenet else ", without ImageNet's weights, so not as papers give it"
    console.message(f"Frechet distance: {distance.value:.3f} ({distance.extractor}{mark}; {sizes})")
    repeated = result.repetition
    if repeated is not None and neighbours is not None:
        console.message(
            f"of {len(repeated.nearest)}, {repeated.nearer_to_training:.1%} are nearer to a training than to a test "
            f"image; distances tell members with an area under the curve of {repeated.membership:.3f} "
            f"(50% and 0.5 if nothing is given away): {printable(neighbours)} shows private images"
        )
