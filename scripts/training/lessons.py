"""Composites with the teachers' answers, made once and shared by all students, round by round."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from guise.models import Recogniser
from guise.models.files import atomic_write
from guise.models.networks.precision import half_precision
from scripts.training.composites import compose
from scripts.training.faces import Faces

_BATCH = 64


@dataclass(frozen=True)
class Lessons:
    """What students learn from.

    Attributes:
        images: uint8 (N, 3, SIDE, SIDE).
        answers: float16 (N, teachers, D), unit embeddings.
    """

    images: np.ndarray
    answers: np.ndarray


def answers(images: Tensor, teachers: Sequence[Recogniser]) -> Tensor:
    """Unit embeddings of uint8 (N, 3, SIDE, SIDE) by each teacher: float32 (N, teachers, D)."""
    with torch.no_grad(), half_precision(images.device):
        embeddings = [F.normalize(teacher(images.float() / 255).float(), dim=1) for teacher in teachers]
    return torch.stack(embeddings, dim=1)


def prepare(
    faces: Faces,
    teachers: Sequence[Recogniser],
    folder: Path,
    *,
    rounds: int,
    seed: int,
    progress: Callable[[int, int], None],
) -> Lessons:
    """Composites of each face with the teachers' answers. A later run uses them again.

    Args:
        faces: to train on.
        teachers: whose answers are wanted.
        folder: where the composites are kept.
        rounds: how many composites of each face.
        seed: of the composites.
        progress: called with faces done and faces in all, in each round.

    Returns:
        The composites of all rounds.

    Raises:
        ValueError: the folder holds lessons by other teachers, or with another seed.
    """
    told = {
        "teachers": [[teacher.record.name, teacher.record.sha256] for teacher in teachers],
        "seed": seed,
        "faces": len(faces.people),
    }
    note = folder / "lessons.json"
    if note.is_file() and json.loads(note.read_text()) != told:
        raise ValueError(f"{folder} holds lessons of {note.read_text()}: choose another --work")
    folder.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps(told))
    parts = []
    for number in range(rounds):
        path = folder / f"round-{number}.npz"
        if not path.is_file():
            arrays = _make(faces, teachers, seed=seed + number, progress=progress)
            with atomic_write(path) as file:
                np.savez(file, **arrays)
        with np.load(path) as kept:
            parts.append({name: kept[name] for name in ("images", "answers")})
    joined = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    return Lessons(**joined)


def _make(
    faces: Faces, teachers: Sequence[Recogniser], *, seed: int, progress: Callable[[int, int], None]
) -> dict[str, np.ndarray]:
    """One composite of each face, in random order."""
    random = torch.Generator().manual_seed(seed)
    parts: dict[str, list[Tensor]] = {"images": [], "answers": []}
    done, count = 0, len(faces.people)
    for chosen in torch.randperm(count, generator=random).split(_BATCH):
        images = compose(faces[chosen], random)
        parts["images"].append(images)
        parts["answers"].append(answers(images, teachers).half())
        done += len(chosen)
        progress(done, count)
    return {name: torch.cat(part).numpy() for name, part in parts.items()}
