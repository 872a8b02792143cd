"""Throughput of the private step beside the same step without privacy, on a 64-128-256 discriminator at 28x28.

python -m benchmarks.private_step [--batch 256] [--out results]
"""

from __future__ import annotations

import argparse
import json
import platform
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from dpaf import PrivateStep


def discriminator() -> nn.Module:
    """Three convolutions with stride 2 and a score."""
    return nn.Sequential(
        *(nn.Conv2d(1, 64, 4, 2, 1), nn.LeakyReLU(0.2)),
        *(nn.Conv2d(64, 128, 4, 2, 1), nn.LeakyReLU(0.2)),
        *(nn.Conv2d(128, 256, 3, 2, 1), nn.LeakyReLU(0.2)),
        *(nn.Flatten(), nn.Linear(256 * 16, 1)),
    )


def per_second(work: Callable[[], object], images: int, *, repeats: int) -> float:
    """Images a second, by the fastest of the repeats after one that does not count."""
    work()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return images / min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    torch.manual_seed(0)
    module, images = discriminator(), torch.randn(options.batch, 1, 28, 28)
    last_two = discriminator()
    last_two[:2].requires_grad_(False)
    results = {"batch": options.batch, "threads": torch.get_num_threads(), "machine": platform.processor()}
    for name, network in (("all layers", module), ("first layer public", last_two)):
        step = PrivateStep(network, 1.0, 1.0, float(options.batch), physical_batch_size=64)

        def plain(network: nn.Module = network) -> None:
            network.zero_grad()
            torch.relu(1 - network(images)).mean().backward()

        def private(network: nn.Module = network, step: PrivateStep = step) -> None:
            step((images,), lambda rows: torch.relu(1 - network(rows)).squeeze(1), np.random.default_rng(0))

        rates = [per_second(work, options.batch, repeats=options.repeats) for work in (plain, private)]
        results[name] = {"plain": rates[0], "private": rates[1], "ratio": rates[1] / rates[0]}
    text = json.dumps(results, indent=1)
    print(text)
    if options.out:
        options.out.mkdir(parents=True, exist_ok=True)
        (options.out / "private_step.json").write_text(text + "\n")


if __name__ == "__main__":
    main()
