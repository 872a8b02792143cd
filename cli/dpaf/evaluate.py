"""`guise dpaf evaluate`: train on synthetic, test on real."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click

from cli import console


@click.command()
@click.argument("run", type=click.Path(file_okay=False, path_type=Path))
@click.option("--test", "source", required=True, help="Real test images: as --data of train, of which the test split.")
@click.option("--protocol", type=click.Choice(["quick", "full"]), default="quick", show_default=True)
@click.option("--count", type=click.IntRange(100), help="Synthetic images. [default: 20,000, full 60,000]")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print JSON on stdout.")
def evaluate(run: Path, source: str, protocol: str, count: int | None, seed: int, as_json: bool) -> None:
    """Train classifiers on images drawn from RUN and test them on real ones.

    Accuracies on real images are no part of the private release: do not publish them where the test set is private.
    """
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
    mean = sum(one.accuracy for one in found) / len(found)
    if as_json:
        networks = [asdict(one) for one in found]
        click.echo(json.dumps({"protocol": protocol, "samples": count, "mean": mean, "networks": networks}, indent=1))
        return
    rows = [
        {"network": one.network, "accuracy": f"{one.accuracy:.4f}"}
        | {name: f"{share:.3f}" for name, share in zip(settings.classes, one.by_class, strict=False)}
        for one in found
    ]
    console.table(rows)
    console.message(f"mean accuracy on {len(test)} real images: {mean:.4f} ({protocol} protocol, {count} samples)")
