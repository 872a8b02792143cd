"""Networks whose weights lie near those of one that comes with Guise, for masks to be optimised against in turn.

    python -m scripts.training.vicinity mobilefacenet --faces ../shared/data/lfw --work DIR \\
        --teacher file:benchmarks/teacher-mobilefacenet.json --teacher sface

Training goes on from the network at a constant rate, and every so often its weights are kept: they answer nearly alike
and err each in its own way. Lessons are those of `python -m scripts.training` with the same DIR. The weights go beside
the network's, stacked and in half precision, and their hash into its JSON. Source: M. Gubri et al., "LGV: Boosting
Adversarial Example Transferability from Large Geometric Vicinity", ECCV 2022.
"""

from __future__ import annotations

import hashlib
import json
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import Tensor, nn

from benchmarks.report import code_version
from chameleon.objective import half_precision
from models import load_recogniser
from models.embedded import Student
from models.files import atomic_write
from models.registry import EMBEDDED
from scripts.training.__main__ import BATCH, parameter_groups, say
from scripts.training.composites import varied
from scripts.training.faces import load_faces
from scripts.training.hints import Hints, hint_error, stages
from scripts.training.judging import exam_of, judge
from scripts.training.lessons import Lessons, prepare
from scripts.training.recipes import RECIPES

_WARM_UP = 20  # steps
Weights = dict[str, Tensor]


@click.command(help=__doc__)
@click.argument("name", type=click.Choice([name for name, recipe in RECIPES.items() if recipe.alone]))
@click.option("--faces", "folder", type=click.Path(exists=True, path_type=Path), required=True)
@click.option("--work", type=click.Path(path_type=Path), required=True, help="As when the network was trained.")
@click.option("--teacher", "teachers", multiple=True, required=True, help="As when the network was trained.")
@click.option("--rounds", default=3, show_default=True, help="Composites of each face.")
@click.option("--networks", default=5, show_default=True, help="How many to keep.")
@click.option("--steps", default=60, show_default=True, help="From one to the next.")
@click.option("--learning-rate", default=1e-3, show_default=True)
@click.option("--seed", default=0, show_default=True)
@click.option("--device", default="cpu", show_default=True)
def main(
    name: str,
    folder: Path,
    work: Path,
    teachers: tuple[str, ...],
    rounds: int,
    networks: int,
    steps: int,
    learning_rate: float,
    seed: int,
    device: str,
) -> None:
    trained_on, held_back = load_faces(folder, work / "faces.npz", progress=say("faces")).split()
    loaded = [load_recogniser(teacher) for teacher in teachers]
    lessons = prepare(trained_on, loaded, work, rounds=rounds, seed=seed, progress=say("composites"))
    exam = exam_of(held_back, loaded)
    student = Student(RECIPES[name].network, teachers=RECIPES[name].teachers)
    student.load_state_dict({key: value.float() for key, value in load_file(EMBEDDED / f"{name}.safetensors").items()})
    near, cosines = [], []
    for weights in nearby(
        student.to(device),
        lessons,
        Hints(loaded[0].to(device)),
        count=networks,
        steps=steps,
        learning_rate=learning_rate,
        seed=seed,
    ):
        near.append(weights)
        found = judge(student.eval(), *(part.to(device) for part in exam))
        cosines.append(round(found["cosine_to_teacher_1"], 4))
        click.echo(" ".join(f"{key} {value:.4f}" for key, value in found.items()), err=True)
    content = stacked(near)
    described = EMBEDDED / f"{name}.json"
    record = json.loads(described.read_text("utf-8"))
    record["vicinity"] = {
        "networks": len(near),
        "cosine_to_teacher_1": cosines,
        "sha256": hashlib.sha256(content).hexdigest(),
        "bytes": len(content),
        "command": shlex.join(["python", "-m", "scripts.training.vicinity", *sys.argv[1:]]).replace(str(work), "DIR"),
        **code_version(),
    }
    with atomic_write(EMBEDDED / f"{name}-vicinity.safetensors") as file:
        file.write(content)
    with atomic_write(described) as file:
        file.write((json.dumps(record, indent=1) + "\n").encode())


def stacked(near: Sequence[Weights]) -> bytes:
    """A safetensors file with each tensor's versions one after another: (networks, ...)."""
    return save({key: torch.stack([weights[key] for weights in near]).contiguous() for key in near[0]})


def nearby(
    student: Student, lessons: Lessons, hints: Hints, *, count: int, steps: int, learning_rate: float, seed: int
) -> Iterator[Weights]:
    """The student's weights, half precision, each time it has been trained by so many more steps, `count` times."""
    student.to(memory_format=torch.channels_last)
    parts, device = stages(student), next(student.parameters()).device
    optimiser = torch.optim.AdamW(parameter_groups(student, 0.0), betas=(0.9, 0.98))
    random = torch.Generator().manual_seed(seed)
    for step in range(count * steps):
        chosen = np.sort(torch.randint(len(lessons.images), (BATCH,), generator=random).numpy())
        images = varied(torch.from_numpy(lessons.images[chosen]), random).to(device)
        student.train()
        with half_precision(device):
            loss = hint_error(parts, images, hints(images), alone=False)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate * min(1, (step + 1) / _WARM_UP)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(student.parameters(), 5.0)
        optimiser.step()
        if (step + 1) % steps == 0:
            yield {key: value.half().cpu().clone() for key, value in student.state_dict().items()}


if __name__ == "__main__":
    main()
