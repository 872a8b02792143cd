"""An opponent who runs the tool on other people's photos and trains a recogniser on what comes out.

    python -m benchmarks.opponent --data ../shared/data/lfw --out results/opponent
    python -m benchmarks.protection --users 4 --strengths mid --attack --judges recogniser:guise-mobilefacenet \\
        --judges recogniser:file:results/opponent/opponent.pt --out results

The network starts as one that comes with Guise. It learns to see in a protected face what it saw in the face itself. It
never sees the users or their masks. The second command measures how well it finds the users. A second run keeps the
photos of the same people that are protected already.
"""

from __future__ import annotations

import copy
import io
import json
import shlex
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks import people
from benchmarks.provenance import code_version, environment
from guise.chameleon.faces import geometry
from guise.chameleon.faces.detection import FaceDetector
from guise.models import Recogniser, load_recogniser
from guise.models.files import atomic_write, read_photo, settings_hash
from guise.models.networks.precision import half_precision

_BATCH = 32
_AVOID = 1000  # the first strangers, among whom users are looked for


@click.command(help=__doc__)
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True, help="One folder a person.")
@click.option("--people", "count", default=32, show_default=True, help="Whose photos to practise on, 4 each.")
@click.option("--network", default="guise-mobilefacenet", show_default=True, help="A recogniser to start from.")
@click.option("--steps", default=600, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="Folder for photos and the network.")
def main(data: Path, count: int, network: str, steps: int, seed: int, out: Path) -> None:
    start, version, began = load_recogniser(network), code_version(), time.perf_counter()
    _saved(start)  # here, rather than after an hour
    chosen = people.practice(data, count=count, avoid=_AVOID, seed=seed)
    # Masks of other people, which another seed or count would leave under the same names, are in another folder.
    folder = out / f"practice-{settings_hash({'photos': [photo.name for photos in chosen for photo in photos]})}"
    plain, protected = folder / "plain", folder / "protected"
    for person, photos in enumerate(chosen):
        name = f"{person:03}"
        (plain / name).mkdir(parents=True, exist_ok=True)
        for number, photo in enumerate(photos):
            shutil.copyfile(photo, plain / name / f"{number}{photo.suffix}")
        _protect(plain / name, protected / name, folder / f"{name}.guise-key")
    protecting = time.perf_counter() - began
    before, after = _pairs(plain, protected, start)
    trained = train(start, before, after, steps=steps, seed=seed)
    said = {
        "command": shlex.join(["python", "-m", "benchmarks.opponent", *sys.argv[1:]]),
        "people": len({photo.parent for photo in protected.glob("*/*.jpg")}),
        "photos": len(before),
        "protecting_seconds": round(protecting),
        "training_seconds": round(time.perf_counter() - began - protecting),
    }
    _save(trained, out / "opponent.pt", said | version | environment())


def _protect(folder: Path, out: Path, key: Path) -> None:
    """As a user would, a mask for each person; somebody whom the tool cannot tell from others is left out."""
    given = ["--user-photos", str(folder), "--out", str(out), "--key", str(key)]
    run = subprocess.run([sys.executable, "-m", "guise", "protect", *given], check=False)
    if run.returncode == 1:
        click.echo(f"{folder.name} is left out", err=True)
    elif run.returncode not in (0, 3):
        sys.exit(run.returncode)


def _pairs(plain: Path, protected: Path, recogniser: Recogniser) -> tuple[Tensor, Tensor]:
    """Aligned faces (N, 3, S, S) in [0, 1], before and after, framed alike."""
    detector, size = FaceDetector(), recogniser.record.input_size
    before, after = [], []
    for photo in sorted(protected.glob("*/*.jpg")):
        pixels = read_photo(plain / photo.relative_to(protected)).pixels
        masked, template = read_photo(photo).pixels, np.array(recogniser.record.template)
        framings = [face.to_template(template) for face in detector.detect(pixels)]
        pairs = [[geometry.crop(version, framing, size=size) for version in (pixels, masked)] for framing in framings]
        plain_face, masked_face = max(pairs, key=lambda pair: float((pair[0] - pair[1]).square().sum()))  # the user's
        before.append(plain_face)
        after.append(masked_face)
    if not before:
        sys.exit("nothing was protected: see above")
    return torch.stack(before), torch.stack(after)


def train(start: Recogniser, before: Tensor, after: Tensor, *, steps: int, seed: int) -> Recogniser:
    """A copy of `start` whose embedding of a protected face is near what `start` makes of the face before.

    Changes that the tool made to one face are also put on others: what there is to unlearn is in them all.
    """
    trained = copy.deepcopy(start).requires_grad_(True)
    random = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.AdamW(trained.parameters(), lr=5e-4, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, 5e-4, total_steps=steps)
    with torch.no_grad():
        told = torch.cat([start(part) for part in before.split(_BATCH)])
    for step in range(steps):
        chosen, donors = torch.randint(len(before), (2, _BATCH), generator=random)
        donors[: _BATCH // 2] = chosen[: _BATCH // 2]
        changed = (before[chosen] + after[donors] - before[donors]).clamp(0, 1)
        seen = torch.cat([changed, before[chosen]])
        if torch.rand((), generator=random) < 0.5:
            seen = seen.flip(3)
        with half_precision(seen.device):
            embeddings = trained(seen).float()
        loss = 1 - F.cosine_similarity(embeddings, told[chosen].repeat(2, 1), dim=1).mean()
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(trained.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        if (step + 1) % 100 == 0:
            click.echo(f"{step + 1}/{steps} loss {float(loss.detach()):.3f}", err=True)
    return trained.requires_grad_(False)


def _saved(recogniser: Recogniser) -> bytes:
    """Its network as TorchScript."""
    size, file = recogniser.record.input_size, io.BytesIO()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*torch.jit.* is deprecated")
            torch.jit.save(torch.jit.trace(recogniser.network, torch.zeros(2, 3, size, size)), file)
    except RuntimeError:
        sys.exit(f"{recogniser.record.name} cannot be saved as TorchScript: choose another --network")
    return file.getvalue()


def _save(recogniser: Recogniser, path: Path, said: Mapping[str, Any]) -> None:
    """As a recogniser of the user's own, TorchScript with a card, and how it was made."""
    record = recogniser.record
    card = {
        "name": path.stem,
        "input_size": record.input_size,
        "color_order": record.color_order,
        "mean": record.mean,
        "std": record.std,
        "template": record.template,
        "embedding_size": record.embedding_size,
        "metric": record.metric,
        "threshold": record.threshold,
        "licence": record.licence,
    }
    texts = {path.name + ".json": card, f"{path.stem}-training.json": dict(said)}
    for name, text in texts.items():
        with atomic_write(path.with_name(name)) as file:
            file.write((json.dumps(text, indent=1) + "\n").encode())
    with atomic_write(path) as file:
        file.write(_saved(recogniser))


if __name__ == "__main__":
    main()
