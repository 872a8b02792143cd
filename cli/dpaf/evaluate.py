"""`guise dpaf evaluate`: train on synthetic, test on real."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from guise.cli import console
from guise.cli.dpaf import SEED, warn_if
from guise.models.errors import InputError
from guise.models.files import check_writable, printable

if TYPE_CHECKING:
    import numpy as np

    from guise.dpaf.data import Records
    from guise.dpaf.evaluation.repetition import Repetition

_COMPARED, _PAIRS, _COLUMNS = 1000, 40, 10


@click.command()
@click.argument("run", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--test",
    "source",
    required=True,
    help="Real test images, as --data of train: its test split, or all of it where there is none.",
)
@click.option("--protocol", type=click.Choice(["quick", "full"]), default="quick", show_default=True)
@click.option("--extractor", type=click.Choice(["scattering", "inception"]), default="scattering", show_default=True)
@click.option("--count", type=click.IntRange(100), help="Synthetic images. [default: 20,000, full 60,000]")
@click.option("--neighbours", type=click.Path(dir_okay=False, path_type=Path), help="PNG of real images, see below.")
@click.option("--training", help="The private data, for --neighbours: as --data of train.")
@click.option("--seed", type=SEED, default=0, show_default=True)
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, ...: to train classifiers on.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
def evaluate(
    run: Path,
    source: str,
    protocol: str,
    extractor: str,
    count: int | None,
    neighbours: Path | None,
    training: str | None,
    seed: int,
    device: str,
    as_json: bool,
) -> None:
    """Train classifiers on images drawn from RUN and test them on real ones; measure the Frechet distance.

    With --neighbours and --training: draw synthetic images, each above the private image nearest to it, to look for
    repetition. That picture shows private images. Neither it nor the figures are part of the private release: do not
    publish them where the images they were measured on are private.
    """
    if (neighbours is None) != (training is None):
        raise InputError("--neighbours and --training go together: give both or neither")
    from guise.dpaf.data import load
    from guise.dpaf.evaluation.fidelity import frechet
    from guise.dpaf.evaluation.repetition import repetition
    from guise.dpaf.evaluation.utility import FULL_SAMPLES, QUICK_SAMPLES, utility
    from guise.dpaf.synthesis import synthesise
    from guise.dpaf.training.run_folder import RunFolder
    from guise.dpaf.training.trainer import trained_state
    from guise.models.devices import best_device

    if neighbours is not None:
        sources = [Path(one) for one in (source, training) if one is not None and Path(one).is_dir()]
        console.check_picture(neighbours, "--neighbours", [run, *sources])  # it shows private images
        check_writable(neighbours.resolve().parent)
    device, folder = best_device(device), RunFolder(run)
    settings = folder.settings()
    test = load(source, size=settings.size, split="test").labelled_as(settings.classes, where=source)
    warn_if(seeded=settings.reproducible)
    if len(test) == settings.records:
        console.message(
            f"{printable(source)} holds as many images as the run was trained on: if it is the same, no test"
        )
    count = count or (QUICK_SAMPLES if protocol == "quick" else FULL_SAMPLES)
    repeated = None
    with console.steps() as step:
        drawn = synthesise(trained_state(folder), count, seed=seed, progress=lambda *at: step("drawing", *at))
        if neighbours is not None and training is not None:
            step("repetition", 0, 1)
            private = load(training, size=settings.size)
            repeated = repetition(drawn.images[:_COMPARED], private, test)
            _draw_pairs(drawn.images, private, repeated, neighbours)
            step("repetition", 1, 1)
        compared = drawn.images[: max(len(test), 2)]
        distance = frechet(compared, test, extractor=extractor, progress=lambda *at: step("Frechet distance", *at))
        found = utility(drawn.images, drawn.labels, test, protocol=protocol, seed=seed, device=device, progress=step)
    mean = sum(one.accuracy for one in found) / len(found)
    if as_json:
        networks = [asdict(one) for one in found]
        told = {"protocol": protocol, "samples": count, "mean": mean, "networks": networks, "frechet": asdict(distance)}
        if repeated is not None:
            told |= {"nearer_to_training": repeated.nearer_to_training, "membership": repeated.membership}
        click.echo(json.dumps(told, indent=1))
        return
    rows = [
        {"network": one.network, "accuracy": f"{one.accuracy:.4f}"}
        | {
            name: "" if share is None else f"{share:.3f}"
            for name, share in zip(settings.classes, one.by_class, strict=False)
        }
        for one in found
    ]
    console.table(rows)
    console.message(f"mean accuracy on {len(test)} real images: {mean:.4f} ({protocol} protocol, {count} samples)")
    sizes = f"{distance.images[0]} synthetic and {distance.images[1]} real images"
    mark = "" if distance.imagenet else ", without ImageNet's weights, so not as papers give it"
    console.message(f"Frechet distance: {distance.value:.3f} ({distance.extractor}{mark}; {sizes})")
    if repeated is not None and neighbours is not None:
        console.message(
            f"of {len(repeated.nearest)}, {repeated.nearer_to_training:.1%} are nearer to a training than to a test "
            f"image; distances tell members with an area under the curve of {repeated.membership:.3f} "
            f"(50% and 0.5 if nothing is given away): {printable(neighbours)} shows private images"
        )


def _draw_pairs(images: np.ndarray, training: Records, repeated: Repetition, path: Path) -> None:
    """The synthetic images that are nearest to a private one, each above that one."""
    import numpy as np

    from guise.dpaf.synthesis import grid

    closest = repeated.distances.argsort()[:_PAIRS]
    theirs = training.images[repeated.nearest[closest]].permute(0, 2, 3, 1).numpy()
    lines = (part.reshape(-1, _COLUMNS, *part.shape[1:]) for part in (images[closest], theirs))
    console.save_picture(grid(np.stack([*lines], axis=1).reshape(-1, *images.shape[1:]), columns=_COLUMNS), path)
