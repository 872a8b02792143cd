"""Measure the throughput of a step with and without privacy, on a 64-128-256 discriminator at 28x28.

python -m benchmarks.private_step --out results
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from torch import nn

from benchmarks.provenance import code_version, environment
from benchmarks.timing import side_by_side
from guise.dpaf import PrivateStep


def discriminator() -> nn.Module:
    """Three convolutions with stride 2 and a score."""
    return nn.Sequential(
        *(nn.Conv2d(1, 64, 4, 2, 1), nn.LeakyReLU(0.2)),
        *(nn.Conv2d(64, 128, 4, 2, 1), nn.LeakyReLU(0.2)),
        *(nn.Conv2d(128, 256, 3, 2, 1), nn.LeakyReLU(0.2)),
        *(nn.Flatten(), nn.Linear(256 * 16, 1)),
    )


@click.command(help=__doc__)
@click.option("--batch", default=256, show_default=True)
@click.option("--repeats", default=20, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), help="Folder for private_step.json.")
def main(batch: int, repeats: int, out: Path | None) -> None:
    torch.manual_seed(0)
    module, images = discriminator(), torch.randn(batch, 1, 28, 28)
    last_two = discriminator()
    last_two[:2].requires_grad_(False)
    results: dict[str, Any] = {"command": f"python -m benchmarks.private_step --batch {batch} --repeats {repeats}"}
    results |= {"threads": torch.get_num_threads(), **code_version(), "environment": environment()}
    for name, network in (("all layers", module), ("first layer public", last_two)):
        step = PrivateStep(network, 1.0, 1.0, float(batch), physical_batch_size=64, check_losses=False)

        def plain(network: nn.Module = network) -> None:
            network.zero_grad()
            torch.relu(1 - network(images)).mean().backward()

        def private(network: nn.Module = network, step: PrivateStep = step) -> None:
            step((images,), lambda rows: torch.relu(1 - network(rows)).squeeze(1), np.random.default_rng(0))

        rates = [batch / seconds for seconds in side_by_side(plain, private, rounds=repeats)]
        results[name] = {"plain": rates[0], "private": rates[1], "ratio": rates[1] / rates[0]}
    text = json.dumps(results, indent=1)
    click.echo(text)
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
        (out / "private_step.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
