"""Train one of the small recognisers that come with Guise, or go on training it.

    python -m scripts.training iresnet --faces ../shared/data/lfw --work DIR \\
        --teacher file:benchmarks/teacher-mobilefacenet.json --teacher sface --rounds 8 --epochs 10

FACES holds one folder for each person, as LFW does; people with 20 photos or more are held back. DIR keeps aligned
faces, composites with the teachers' answers, and checkpoints: when training was stopped, the same command goes on. The
result goes to models/embedded in half precision, with a JSON file that says how it was made and how good it is.
"""

from __future__ import annotations

import hashlib
import json
import math
import shlex
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
import numpy as np
import torch
from safetensors.torch import save
from torch import nn

from benchmarks.provenance import code_version
from guise.models import load_recogniser
from guise.models.files import atomic_write
from guise.models.networks.precision import half_precision
from guise.models.networks.students import SPACE, Student
from scripts.training.composites import SIDE, varied
from scripts.training.faces import load_faces
from scripts.training.hints import Hints, hint_error, stages
from scripts.training.judging import exam_of, judge
from scripts.training.lessons import Lessons, prepare
from scripts.training.recipes import RECIPES, Recipe, confusion, distance

_BATCH, _WARM_UP = 64, 200
_REPORT, _KEEP = 100, 400  # steps


@click.command(help=__doc__)
@click.argument("name", type=click.Choice(list(RECIPES)))
@click.option("--faces", "folder", type=click.Path(exists=True, path_type=Path), required=True)
@click.option(
    "--work",
    type=click.Path(path_type=Path),
    required=True,
    help="Folder for intermediate results.",
)
@click.option("--teacher", "teachers", multiple=True, required=True, help="A recogniser of 112 pixels (repeatable).")
@click.option("--rounds", default=8, show_default=True, help="How many composites of each face.")
@click.option("--epochs", default=10.0, show_default=True, help="How often all composites are seen.")
@click.option("--seed", default=0, show_default=True)
@click.option("--device", default="cpu", show_default=True)
@click.option("--out", type=click.Path(path_type=Path), default=Path("models/embedded"), show_default=True)
def main(
    name: str,
    folder: Path,
    work: Path,
    teachers: tuple[str, ...],
    rounds: int,
    epochs: float,
    seed: int,
    device: str,
    out: Path,
) -> None:
    work.mkdir(parents=True, exist_ok=True)
    trained_on, held_back = load_faces(folder, work / "faces.npz", progress=_say("faces")).split()
    loaded = [load_recogniser(teacher) for teacher in teachers]
    for teacher in loaded:
        if (teacher.record.input_size, teacher.record.embedding_size) != (SIDE, SPACE):
            raise click.BadParameter(f"{teacher.record.name} does not take {SIDE} pixels or give {SPACE} numbers")
    if len(loaded) < RECIPES[name].teachers:
        raise click.BadParameter(f"{name} learns from {RECIPES[name].teachers} teachers: name as many with --teacher")
    lessons = prepare(trained_on, loaded, work, rounds=rounds, seed=seed, progress=_say("composites"))
    exam = exam_of(held_back, loaded)
    hints = Hints(loaded[0].to(device)) if RECIPES[name].alone else None
    checkpoint = work / f"{name}.ckpt"
    student = train(RECIPES[name], lessons, exam, checkpoint, hints=hints, epochs=epochs, seed=seed, device=device)
    scores = judge(student.cpu(), *exam)
    weights = save({key: value.half().contiguous() for key, value in student.state_dict().items()})
    record = {
        "teachers": [teacher.record.name for teacher in loaded[: student.teachers]],
        "embedding_size": SPACE * student.teachers,
        "faces": len(trained_on.people),
        "people": len(trained_on.people.unique()),
        "held_back": {"faces": len(held_back.people), "people": len(held_back.people.unique())},
        **{key: round(value, 4) for key, value in scores.items()},
        "sha256": hashlib.sha256(weights).hexdigest(),
        "bytes": len(weights),
        "recipe": asdict(RECIPES[name]),
        "command": shlex.join(["python", "-m", "scripts.training", *sys.argv[1:]]).replace(str(work), "DIR"),
        **code_version(),
    }
    for suffix, content in (("safetensors", weights), ("json", (json.dumps(record, indent=1) + "\n").encode())):
        with atomic_write(out / f"{name}.{suffix}") as file:
            file.write(content)


def train(
    recipe: Recipe,
    lessons: Lessons,
    exam: tuple[torch.Tensor, torch.Tensor, torch.Tensor],
    checkpoint: Path,
    *,
    hints: Hints | None = None,
    epochs: float,
    seed: int,
    device: str,
) -> Student:
    """Train a student, or go on where `checkpoint` stands.

    Args:
        recipe: the network, and how it is trained.
        lessons: composites with the teachers' answers.
        exam: what `judge` asks from time to time: images, people and answers.
        checkpoint: the file that keeps the state of training.
        hints: the teacher's intermediate outputs; None trains on the answers alone.
        epochs: how often all lessons are seen.
        seed: of the first weights, of the order and of the variations.
        device: where to train.

    Returns:
        The student, in evaluation mode.

    Raises:
        ValueError: the checkpoint belongs to other settings.
    """
    torch.manual_seed(seed)
    student = Student(recipe.network, teachers=recipe.teachers).to(device).to(memory_format=torch.channels_last)
    parts = stages(student) if hints is not None else {}
    optimiser = torch.optim.AdamW(_parameter_groups(student, recipe.weight_decay), betas=(0.9, 0.98))
    random, first = torch.Generator().manual_seed(seed), 0
    settings = {**asdict(recipe), "epochs": epochs, "seed": seed, "lessons": len(lessons.images)}
    if checkpoint.is_file():
        kept = torch.load(checkpoint, map_location="cpu", weights_only=True)
        if kept.get("settings") != settings:
            raise ValueError(f"{checkpoint} was made with other settings: move it away, or choose another --work")
        student.load_state_dict(kept["student"])
        optimiser.load_state_dict(kept["optimiser"])
        first = kept["step"]
    per_epoch = len(lessons.images) // _BATCH
    steps, start = int(epochs * per_epoch), time.monotonic()
    student.train()
    for step in range(first, steps):
        # Every epoch has its own order, the same however often training was stopped.
        order = torch.randperm(len(lessons.images), generator=torch.Generator().manual_seed(seed + step // per_epoch))
        at = step % per_epoch * _BATCH
        chosen = np.sort(order[at : at + _BATCH].numpy())
        images = varied(torch.from_numpy(lessons.images[chosen]), random.manual_seed(seed + step)).to(device)
        if hints is None:
            loss = _answer_error(recipe, student, images, lessons.answers[chosen])
        else:
            with half_precision(images.device):
                loss = hint_error(parts, images, hints(images), alone=step < recipe.alone * steps)
        for group in optimiser.param_groups:
            group["lr"] = recipe.learning_rate * min(1, (step + 1) / _WARM_UP) * _falling(step / steps)
        optimiser.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(student.parameters(), 5.0)
        optimiser.step()
        if (step + 1) % _REPORT == 0:
            click.echo(f"{step + 1}/{steps} {time.monotonic() - start:.0f} s loss {float(loss.detach()):.3f}", err=True)
        if (step + 1) % _KEEP == 0 or step + 1 == steps:
            states = {"student": student.state_dict(), "optimiser": optimiser.state_dict()}
            with atomic_write(checkpoint) as file:
                torch.save({"settings": settings, "step": step + 1, **states}, file)
            scores = judge(student.eval(), *(part.to(device) for part in exam))
            click.echo(" ".join(f"{key} {value:.4f}" for key, value in scores.items()), err=True)
            student.train()
    return student.eval()


def _answer_error(recipe: Recipe, student: Student, images: torch.Tensor, answers: np.ndarray) -> torch.Tensor:
    told = torch.from_numpy(answers).float()[:, : recipe.teachers].to(images.device)
    with half_precision(images.device):
        spaces = student.spaces(images)
    loss = distance(spaces, told)
    return loss + recipe.contrast * confusion(spaces, told) if recipe.contrast else loss


def _falling(progress: float) -> float:
    return 0.02 + 0.98 * (1 + math.cos(math.pi * progress)) / 2


def _parameter_groups(student: Student, weight_decay: float) -> list[dict[str, Any]]:
    """Parameters with weight decay, and those without: biases and normalisation."""
    parameters = list(student.parameters())
    return [
        {"params": [p for p in parameters if p.ndim > 1], "weight_decay": weight_decay},
        {"params": [p for p in parameters if p.ndim <= 1], "weight_decay": 0.0},
    ]


def _say(what: str) -> Any:
    def progress(done: int, total: int) -> None:
        if done % 640 == 0 or done == total:
            click.echo(f"{what} {done}/{total}", err=True)

    return progress


if __name__ == "__main__":
    main()
