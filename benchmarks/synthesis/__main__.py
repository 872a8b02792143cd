"""Compare ways of releasing synthetic images: what the images are worth, how long it takes, how much memory it needs.

    python -m benchmarks.synthesis --data ../shared/data/fashion-mnist --epsilon 10 --minutes 10 --out results

Each method runs in a process of its own, one after another. `real` trains the classifier on as many private images: it
is the upper bound.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np

from benchmarks.provenance import code_version, environment
from benchmarks.report import read_lines
from benchmarks.synthesis import dpgan, merf, ours
from benchmarks.synthesis.looks import compared
from guise.dpaf import PRESETS
from guise.dpaf.data import ImageDataset, load
from guise.dpaf.evaluation.fidelity import frechet
from guise.dpaf.evaluation.repetition import check_apart
from guise.dpaf.evaluation.utility import FULL_SAMPLES, QUICK_SAMPLES, utility
from guise.models.files import atomic_write

_METHODS = {
    **{preset: ours.method(preset) for preset in ours.PRESETS},
    "dp-merf": merf.images,
    "dpgan-opacus": dpgan.images,
}
_REAL = "real"


@click.command(help=__doc__)
@click.option("--data", required=True, help="As --data of `guise dpaf train`, with a test split.")
@click.option("--epsilon", default=10.0, show_default=True)
@click.option("--delta", default=1e-5, show_default=True)
@click.option("--minutes", default=10.0, show_default=True, help="Of training, for each method.")
@click.option("--methods", "names", multiple=True, type=click.Choice([*_METHODS, _REAL]), help="[default: all]")
@click.option("--seeds", default=1, show_default=True, help="Runs of each method.")
@click.option("--protocol", type=click.Choice(["quick", "full"]), default="quick", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder; what is there already is kept.")
@click.option("--single", hidden=True, nargs=2, type=(str, int))
def main(names: tuple[str, ...], seeds: int, out: Path, single: tuple[str, int] | None, **asked: Any) -> None:
    if single is not None:
        click.echo(json.dumps(_measure(*single, **asked)))
        return
    out.mkdir(parents=True, exist_ok=True)
    kept = out / "synthesis.jsonl"
    settings = {**asked, "data": Path(asked["data"]).name}
    for seed in range(seeds):
        for name in names or (*_METHODS, _REAL):
            known = read_lines(kept)
            if any((line["method"], line["seed"], line["settings"]) == (name, seed, settings) for line in known):
                continue
            given = [f"--{key}={value}" for key, value in asked.items()]
            command = [sys.executable, "-W", "ignore", "-m", "benchmarks.synthesis", *given, "--out", str(out)]
            click.echo(f"{name}, seed {seed}", err=True)
            done = subprocess.run(
                [*command, "--single", name, str(seed)], stdout=subprocess.PIPE, text=True, check=True
            )
            line = {"method": name, "seed": seed, "settings": settings, **json.loads(done.stdout)}
            with kept.open("a") as file:
                file.write(json.dumps(line) + "\n")
    lines = [line for line in read_lines(kept) if line["settings"] == settings]
    with atomic_write(out / "synthesis.md") as file:
        file.write(as_markdown(lines, settings).encode())
    results = {"command": " ".join(["python -m benchmarks.synthesis", *sys.argv[1:]]), "lines": lines}
    with atomic_write(out / "synthesis.json") as file:
        file.write((json.dumps(results | {"environment": environment()}, indent=1) + "\n").encode())
    click.echo((out / "synthesis.md").read_text())


def _measure(
    name: str, seed: int, *, data: str, epsilon: float, delta: float, minutes: float, protocol: str
) -> dict[str, Any]:
    private, test = load(data), load(data, split="test")
    check_apart(private, test)
    count = QUICK_SAMPLES if protocol == "quick" else FULL_SAMPLES
    start = time.monotonic()
    if name == _REAL:
        images, labels = _some(private, count, seed)
        spent = None
    else:
        images, labels, spent = _METHODS[name](private, epsilon, delta, minutes=minutes, count=count, seed=seed)
    seconds, memory = time.monotonic() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    networks = utility(images, labels, test, protocol=protocol, seed=seed)
    by_class = [share for network in networks for share in network.by_class if share is not None]
    return {
        "epsilon": spent,
        "accuracy": sum(network.accuracy for network in networks) / len(networks),
        "balanced_accuracy": sum(by_class) / len(by_class),
        "auc": {network.network: network.auc for network in networks},
        "networks": {network.network: network.accuracy for network in networks},
        "frechet": asdict(frechet(images[: len(test)], test)),
        "looks": compared(images, private.images[:3000].permute(0, 2, 3, 1).numpy()),
        "seconds": round(seconds, 1),
        "memory_gib": round(memory, 2),
        **code_version(),
    }


def _some(dataset: ImageDataset, count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    rows = np.random.default_rng(seed).permutation(len(dataset))[:count]
    return dataset.images[rows].permute(0, 2, 3, 1).numpy(), dataset.labels[rows].numpy()


def as_markdown(lines: list[dict[str, Any]], settings: dict[str, Any]) -> str:
    """A table with one row for each method: means over seeds."""
    head = f"{settings['data']}, epsilon {settings['epsilon']:g}, delta {settings['delta']:g}"
    given = f"{settings['minutes']:g} minutes for the generator where a method lets one choose"
    rows = [f"{head}, {given}, {settings['protocol']} protocol.", ""]
    rows += ["| method | seeds | epsilon spent | accuracy, % | Frechet distance | minutes | GiB |"]
    rows += ["|---|---|---|---|---|---|---|"]
    for name in dict.fromkeys(line["method"] for line in lines):
        of = [line for line in lines if line["method"] == name]
        accuracies = [100 * line["accuracy"] for line in of]
        spread = f" +- {np.std(accuracies, ddof=1):.1f}" if len(of) > 1 else ""
        spent = "none: not private" if of[0]["epsilon"] is None else f"{max(line['epsilon'] for line in of):.3f}"
        distance = np.mean([line["frechet"]["value"] for line in of])
        cost = f"{np.mean([line['seconds'] for line in of]) / 60:.1f} | {max(line['memory_gib'] for line in of):.1f}"
        rows.append(f"| {name} | {len(of)} | {spent} | {np.mean(accuracies):.1f}{spread} | {distance:.3f} | {cost} |")
    if len({line["code"] for line in lines}) > 1:
        rows += ["", "Note: the code changed between rows or seeds; see `code` in the lines."]
    extractors = {line["frechet"]["extractor"] for line in lines}
    measured = f"Frechet distance with: {'; '.join(sorted(extractors))}."
    if any(line["method"] in PRESETS for line in lines):
        measured += " Our presets release means of such features: among themselves it compares them, not with others."
    return "\n".join([*rows, "", measured, ""])


if __name__ == "__main__":
    main()
