"""Measure projections and generation at real size, and next to scipy where scipy can: time, peak memory, accuracy.

    python -m benchmarks.harmless_speed --data ../shared/data/cifar10 --out results/harmless

Each case runs in a process of its own, because the peak of memory is counted for a whole process.
"""

from __future__ import annotations

import json
import multiprocessing
import resource
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
import scipy.linalg
import scipy.sparse.linalg
import torch

from benchmarks import cifar_resnet
from benchmarks.provenance import code_version, environment
from benchmarks.scenes import scene
from benchmarks.timing import timed
from guise.harmless import FillSettings, Source, fill, load, projector, trace
from guise.harmless.operators import Convolution, LinearOperator, columns, patch_embedding, rows, to_matrix
from guise.harmless.pictures.certificate import as_tensor
from guise.harmless.pictures.targets import parse

Result = dict[str, Any]


def strided_convolution() -> Result:
    """65,536 values through 32,768 measurements, 49 GB when written out: to 1e-12 in float64."""
    torch.manual_seed(0)
    operator = Convolution(torch.randn(128, 64, 3, 3) / 24, (64, 32, 32), stride=2, padding=1)
    before = _memory()
    start = time.perf_counter()
    projection = projector(operator)
    made = time.perf_counter() - start
    return {
        "method": projection.method,
        "setup_s": made,
        **_projection(projection, 1),
        "memory_MiB": _memory() - before,
    }


def patches(dtype: torch.dtype = torch.float32) -> Result:
    """ViT-B/32 at 224 x 224, a batch of 64."""
    torch.manual_seed(0)
    operator = patch_embedding(torch.randn(768, 3, 32, 32) / 55, (3, 224, 224))
    start = time.perf_counter()
    projection = projector(operator)
    made = time.perf_counter() - start
    v = torch.randn(64, *operator.input_shape, dtype=dtype)
    seconds = _median(lambda: projection.null(v))
    return {"dtype": str(dtype), "setup_s": made, "seconds_an_image": seconds / 64, **_leak(projection, v)}


def generation() -> Result:
    """One photo for ViT-B/32: box, then rounding or the search for whole levels; white and smooth filters."""
    photo, noise, results = scene("astronaut", 224), parse("noise")(224, 224, 0), {}
    for name, weight in (("white", _white()), ("smooth", smooth_filters())):
        operator = patch_embedding(weight, (3, 224, 224))
        projection = projector(operator)
        for exact in (False, True):
            settings = FillSettings(exact_uint8=exact)
            seconds = _median(lambda f=projection, s=settings: fill(photo, f, noise, settings=s), rounds=3)
            before = operator.matvec(as_tensor(photo))
            after = operator.matvec(as_tensor(fill(photo, projection, noise, settings=settings)))
            change = float((after - before).norm() / before.norm())
            results[f"{name}, {'searched' if exact else 'rounded'}"] = {"seconds": seconds, "layer_change": change}
    return results


def beside_scipy() -> Result:
    """What still fits: the same projection by a dense SVD and by LSQR."""
    torch.manual_seed(0)
    operator = Convolution(torch.randn(8, 3, 3, 3), (3, 32, 32), stride=2, padding=1)
    v = torch.randn(1, *operator.input_shape, dtype=torch.float64)

    def dense() -> np.ndarray:
        null = scipy.linalg.null_space(to_matrix(operator).numpy())
        return null @ (null.T @ v.flatten().numpy())

    def lsqr() -> np.ndarray:
        matrix = scipy.sparse.linalg.LinearOperator(
            (columns(operator), rows(operator)), matvec=_flat(operator.rmatvec, operator, out=True),
            rmatvec=_flat(operator.matvec, operator, out=False), dtype=np.float64,
        )  # fmt: skip
        flat = v.flatten().numpy()
        solution = scipy.sparse.linalg.lsqr(matrix, flat, atol=1e-14, btol=1e-14, iter_lim=5000)[0]
        return flat - matrix.matvec(solution)

    def ours() -> np.ndarray:
        return projector(operator).null(v).flatten().numpy()

    exact = dense()
    return {
        name: {"seconds": _median(run, rounds=3), "error": float(np.linalg.norm(run() - exact) / v.norm())}
        for name, run in (("ours", ours), ("scipy.linalg.null_space", dense), ("scipy lsqr", lsqr))
    }


def trained_network(data: Path, name: str, file: str) -> Result:
    """Accuracy of a CIFAR ResNet whose features before a strided stage are pushed along their joint null space."""
    images, answers = cifar_resnet.test_photos(data)
    photos, labels = torch.from_numpy(images).permute(0, 3, 1, 2).float(), torch.from_numpy(answers)
    source = Source(f"benchmarks.cifar_resnet:{name}", str(data / file), (3, 32, 32), "imagenet")
    results: Result = {}
    for dtype in (torch.float32, torch.float64):
        model = load(source).model
        projection = projector(trace(model, (3, 32, 32), layer="network.layer2.0").joint)
        model = model.to(dtype)
        with torch.no_grad():
            clean = model(photos.to(dtype)).argmax(1)
        results.setdefault("accuracy", float((clean == labels).double().mean()))
        for magnitude in (1.0, 10.0, 100.0, 1e3, 1e4):
            moved = _pushed(model, "network.layer2.0", projection, magnitude, photos.to(dtype)).argmax(1)
            results[f"{str(dtype)[6:]}, {magnitude:g} times the features"] = {
                "accuracy": float((moved == labels).double().mean()),
                "same_top1": float((moved == clean).double().mean()),
            }
    return results


def _pushed(
    model: torch.nn.Module, layer: str, projection: Any, magnitude: float, photos: torch.Tensor
) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)

    def push(_: torch.nn.Module, args: tuple[torch.Tensor, ...]) -> tuple[torch.Tensor]:
        features = args[0]
        direction = projection.null(torch.randn(1, *features.shape[1:], generator=generator, dtype=torch.float64))
        size = features.flatten(1).double().norm(dim=1).view(-1, 1, 1, 1)
        return (features + (magnitude * size * direction / direction.norm()).to(features),)

    handle = model.get_submodule(layer).register_forward_pre_hook(push)
    try:
        with torch.no_grad():
            outputs: torch.Tensor = model(photos)
    finally:
        handle.remove()
    return outputs


def _white() -> torch.Tensor:
    return torch.randn(768, 3, 32, 32, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def smooth_filters() -> torch.Tensor:
    """White filters with their spectrum falling as trained ones' does."""
    down, across = torch.fft.fftfreq(32)[:, None], torch.fft.rfftfreq(32)
    falling = 1 / (1 + 900 * (down**2 + across**2))
    return torch.fft.irfft2(torch.fft.rfft2(_white()) * falling, s=(32, 32))


def _flat(apply: Callable[[torch.Tensor], torch.Tensor], operator: LinearOperator, *, out: bool) -> Any:
    shape = operator.output_shape if out else operator.input_shape
    return lambda x: apply(torch.from_numpy(np.ascontiguousarray(x)).reshape(1, *shape)).flatten().numpy()


def _projection(projection: Any, count: int) -> Result:
    v = torch.randn(count, *projection.operator.input_shape, dtype=torch.float64)
    return {"seconds": _median(lambda: projection.null(v), rounds=3), **_leak(projection, v)}


def _leak(projection: Any, v: torch.Tensor) -> Result:
    before, after = projection.operator.matvec(v), projection.operator.matvec(projection.null(v))
    return {"left_of_A_v": float(after.norm() / before.norm())}


def _memory() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _median(run: Callable[[], object], *, rounds: int = 5) -> float:
    return float(np.median(timed(run, rounds=rounds)))


@click.command()
@click.option("--data", type=click.Path(path_type=Path), help="Folder with CIFAR-10 and the ResNets' weights.")
@click.option("--out", type=click.Path(path_type=Path), default=Path("results/harmless"), show_default=True)
def main(data: Path | None, out: Path) -> None:
    cases: dict[str, tuple[Callable[..., Result], tuple[Any, ...]]] = {
        "65,536 x 32,768": (strided_convolution, ()),
        "ViT-B/32, 64 images": (patches, ()),
        "ViT-B/32, 64 images, float64": (patches, (torch.float64,)),
        "generation for ViT-B/32": (generation, ()),
        "beside scipy": (beside_scipy, ()),
    }
    if data is not None:
        cases["ResNet-20"] = (trained_network, (data, "resnet20", "resnet20-12fca82f.th"))
        cases["ResNet-56"] = (trained_network, (data, "resnet56", "resnet56-4bfd9763.th"))
    command = "python -m benchmarks.harmless_speed" + (f" --data {data}" if data else "")
    results: Result = {"command": command, **code_version(), "environment": environment()}
    for name, (measure, arguments) in cases.items():
        with multiprocessing.get_context("spawn").Pool(1) as pool:
            results[name] = pool.apply(measure, arguments)
        click.echo(json.dumps({name: results[name]}, indent=1))
    out.mkdir(parents=True, exist_ok=True)
    (out / "harmless.json").write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
