"""Perturb input and weights of classifiers at once: small networks on digits, and a trained ResNet-20 on CIFAR-10.

    python -m benchmarks.harmless_robustness --cifar10 test.npz --weights resnet20-12fca82f.th --out results

The network on digits is trained twice, plainly and on perturbed input, to show whether the one kind of robustness
brings the other. Without --cifar10 only these are measured.
"""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click
import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor, nn

from benchmarks.provenance import code_version, environment
from guise.harmless import Source, load, robustness

_LEVELS = 255 / 16
"""Of sklearn's digits, which go from 0 to 16."""
_TRAINED_ON = 24.0
"""Levels by which the robust training perturbs its input."""


def digits(folder: Path) -> dict[str, Any]:
    """A network of 64, 64 and 10 units, trained in the two ways."""
    data = load_digits()
    images = (data.images * _LEVELS).round().astype(np.uint8)
    np.savez(folder / "digits.npz", images=images[-300:], labels=data.target[-300:])
    photos, labels = torch.from_numpy(images[:-300]).float()[:, None] / 255, torch.from_numpy(data.target[:-300]).long()
    results = {}
    for name, epsilon in (("plain", 0.0), ("trained on perturbed input", _TRAINED_ON / 255)):
        network = _trained(photos, labels, epsilon)
        sizes = {"input_epsilon": (8.0, 16.0, 24.0), "weight_epsilon": (0.005, 0.01, 0.02)}
        report = robustness(network, folder / "digits.npz", input=(1, 8, 8), **sizes)  # type: ignore[arg-type]
        results[name] = json.loads(report.to_json())
    return results


def _trained(photos: Tensor, labels: Tensor, epsilon: float) -> nn.Module:
    torch.manual_seed(0)
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10))
    optimiser = torch.optim.Adam(network.parameters(), 3e-3)
    loss = nn.CrossEntropyLoss()
    for _ in range(40):
        for some in torch.randperm(len(photos)).split(64):
            x = photos[some].requires_grad_()
            if epsilon:  # one step of the sign of the gradient (Goodfellow et al., 2015)
                (slope,) = torch.autograd.grad(loss(network(x), labels[some]), x)
                x = (x + epsilon * slope.sign()).clamp(0, 1).detach()
            optimiser.zero_grad()
            loss(network(x), labels[some]).backward()
            optimiser.step()
    return network


def cifar(folder: Path, test: Path, weights: Path, count: int) -> dict[str, Any]:
    """A ResNet-20 on the first test images."""
    packed = np.load(test)
    np.savez(folder / "cifar.npz", images=packed["images"][:count], labels=packed["labels"][:count].astype(np.int64))
    loaded = load(Source("benchmarks.cifar_resnet:resnet20", str(weights), (3, 32, 32), "imagenet"))
    sizes = {"input_epsilon": (0.5, 1.0), "weight_epsilon": (0.0005, 0.001)}
    return json.loads(robustness(loaded, folder / "cifar.npz", steps=5, **sizes).to_json())  # type: ignore[arg-type,no-any-return]


@click.command()
@click.option("--cifar10", type=click.Path(exists=True, path_type=Path), help="NPZ of test images and labels.")
@click.option("--weights", type=click.Path(exists=True, path_type=Path), help="Of the ResNet-20.")
@click.option("--count", default=50, show_default=True, help="Test images of CIFAR-10.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("results"), show_default=True)
def main(cifar10: Path | None, weights: Path | None, count: int, out: Path) -> None:
    given = "" if cifar10 is None or weights is None else f" --cifar10 {cifar10.name} --weights {weights.name}"
    command = f"python -m benchmarks.harmless_robustness{given} --count {count}"
    results: dict[str, Any] = {"command": command, **code_version(), "environment": environment()}
    with TemporaryDirectory() as folder:
        results["digits"] = digits(Path(folder))
        if cifar10 is not None and weights is not None:
            results["ResNet-20"] = cifar(Path(folder), cifar10, weights, count)
    out.mkdir(parents=True, exist_ok=True)
    (out / "harmless_robustness.json").write_text(json.dumps(results, indent=1) + "\n")
    click.echo(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
