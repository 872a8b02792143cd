"""`guise dpaf evaluate`: train on synthetic, test on real."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli import console
from models.errors import InputError
from models.files import printable

if TYPE_CHECKING:
    import numpy as np

    from dpaf.data import Records
    from dpaf.fidelity import Neighbours

_PAIRS, _COLUMNS = 40, 10


@click.command()
@click.argument("run", type=click.Path(file_okay=False, path_type=Path))
@click.option("--test", "source", required=True, help="Real test images: as --data of train, of which the test split.")
@click.option("--protocol", type=click.Choice(["quick", "full"]), default="quick", show_default=True)
@click.option("--count", type=click.IntRange(100), help="Synthetic images. [default: 20,000, full 60,000]")
@click.option("--neighbours", type=click.Path(dir_okay=False, path_type=Path), help="PNG of real images, see below.")
@click.option("--training", help="The private data, for --neighbours: as --data of train.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
def evaluate(
    run: Path,
    source: str,
    protocol: str,
    count: int | None,
    neighbours: Path | None,
    training: str | None,
    seed: int,
    as_json: bool,
) -> None:
    """Train classifiers on images drawn from RUN and test them on real ones; measure the Frechet distance.

    With --neighbours and --training: draw synthetic images, each above the private image nearest to it, to look for
    repetition. That picture shows private images. Neither it nor the figures are part of the private release: do not
    publish them where the images they were measured on are private.
    """
    if (neighbours is None) != (training is None):
        raise InputError("--neighbours and --training go together: give both or neither")
    from dpaf import fidelity
    from dpaf.data import load
    from dpaf.evaluation import FULL_SAMPLES, QUICK_SAMPLES, utility
    from dpaf.runfolder import RunFolder
    from dpaf.synthesis import synthesise
    from dpaf.trainer import trained_state

    folder = RunFolder(run)
    settings = folder.settings()
    test = load(source, size=settings.size, split="test")
    count = count or (QUICK_SAMPLES if protocol == "quick" else FULL_SAMPLES)
    with console.steps() as step:
        drawn = synthesise(trained_state(folder), count, seed=seed, progress=lambda *at: step("drawing", *at))
        found = utility(drawn.images, drawn.labels, test, protocol=protocol, seed=seed, progress=step)
        compared = drawn.images[: max(len(test), 2)]
        distance = fidelity.frechet(compared, test, progress=lambda *at: step("Frechet distance", *at))
    repetition = None
    if neighbours is not None and training is not None:
        repetition = _draw_neighbours(drawn.images[:1000], load(training, size=settings.size), test, neighbours)
    mean = sum(one.accuracy for one in found) / len(found)
    if as_json:
        networks = [asdict(one) for one in found]
        told = {"protocol": protocol, "samples": count, "mean": mean, "networks": networks, "frechet": asdict(distance)}
        if repetition is not None:
            told |= {"nearer_to_training": repetition.nearer_to_training, "membership": repetition.membership}
        click.echo(json.dumps(told, indent=1))
        return
    rows = [
        {"network": one.network, "accuracy": f"{one.accuracy:.4f}"}
        | {name: f"{share:.3f}" for name, share in zip(settings.classes, one.by_class, strict=False)}
        for one in found
    ]
    console.table(rows)
    console.message(f"mean accuracy on {len(test)} real images: {mean:.4f} ({protocol} protocol, {count} samples)")
    console.message(f"Frechet distance: {distance.value:.3f} ({distance.extractor})")
    if repetition is not None and neighbours is not None:
        nearer, membership = f"{repetition.nearer_to_training:.1%}", f"{repetition.membership:.3f}"
        console.message(
            f"of 1,000, {nearer} are nearer to a training than to a test image; distances tell members with an area "
            f"under the curve of {membership} (50% and 0.5 if nothing is given away): "
            f"{printable(neighbours)} shows private images"
        )


def _draw_neighbours(images: np.ndarray, training: Records, test: Records, path: Path) -> Neighbours:
    """Draw pairs: the synthetic images that are nearest to a private one, and that one."""
    import numpy as np

    from dpaf.fidelity import neighbours
    from dpaf.synthesis import grid

    found = neighbours(images, training, test)
    closest = found.distances.argsort()[:_PAIRS]
    theirs = training.images[found.nearest[closest]].permute(0, 2, 3, 1).numpy()
    lines = (part.reshape(-1, _COLUMNS, *part.shape[1:]) for part in (images[closest], theirs))
    console.save_picture(grid(np.stack([*lines], axis=1).reshape(-1, *images.shape[1:]), columns=_COLUMNS), path)
    return found
