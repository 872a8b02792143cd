"""How well a student tells unseen people apart, and how near it comes to its teachers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from guise.models import Recogniser
from guise.models.networks.precision import half_precision
from guise.models.networks.students import Student
from scripts.training.composites import as_input, plain
from scripts.training.faces import Faces
from scripts.training.lessons import answers as answers_of

_PAIRS, _FOLDS = 3000, 10


Exam = tuple[Tensor, Tensor, Tensor]
"""Images, people and answers, as `judge` takes them."""


def exam_of(held_back: Faces, teachers: Sequence[Recogniser]) -> Exam:
    """What `judge` asks: faces of people held back from training."""
    images = plain(held_back)
    return images, held_back.people, torch.cat([answers_of(part, teachers) for part in images.split(100)])


def judge(student: Student, images: Tensor, people: Tensor, answers: Tensor) -> dict[str, float]:
    """Accuracy of verification, the cosine distance it is reached at, and mean cosine to each teacher.

    Args:
        student: in evaluation mode.
        images: uint8 (N, 3, SIDE, SIDE), aligned.
        people: (N,), whose each is; held back from training.
        answers: float (N, teachers, D), of at least the student's teachers.
    """
    with torch.no_grad(), half_precision(images.device):
        spaces = torch.cat([student.spaces(as_input(part)) for part in images.split(100)])
    cosines = F.cosine_similarity(spaces, answers[:, : student.teachers], dim=2).mean(0)
    embeddings = F.normalize(spaces, dim=2).flatten(1) / student.teachers**0.5
    accuracy, threshold = verification(embeddings.cpu().numpy(), people.cpu().numpy())
    result = {"accuracy": accuracy, "threshold": 1 - threshold}
    return result | {f"cosine_to_teacher_{k}": float(value) for k, value in enumerate(cosines, 1)}


def verification(embeddings: np.ndarray, people: np.ndarray) -> tuple[float, float]:
    """Share of pairs told right, as LFW's protocol has it: as many alike as not, threshold from the other nine folds.

    Args:
        embeddings: (N, D), unit length.
        people: (N,), whose each is.

    Returns:
        The share, and the mean of the folds' thresholds on the cosine.
    """
    random = np.random.default_rng(0)
    first, second = np.triu_indices(len(people), 1)
    same = people[first] == people[second]
    count = min(_PAIRS, int(same.sum()), int((~same).sum()))
    chosen = np.concatenate([random.permutation(np.flatnonzero(same == kind))[:count] for kind in (True, False)])
    chosen = random.permutation(chosen)
    cosines, same = (embeddings[first[chosen]] * embeddings[second[chosen]]).sum(1), same[chosen]
    right, thresholds = [], []
    for fold in range(_FOLDS):
        here = np.arange(len(chosen)) % _FOLDS == fold
        candidates = np.quantile(cosines[~here], np.linspace(0, 1, 501))
        hits = ((cosines[~here][None] > candidates[:, None]) == same[~here][None]).mean(1)
        thresholds.append(candidates[hits.argmax()])
        right.append((cosines[here] > thresholds[-1]) == same[here])
    return float(np.concatenate(right).mean()), float(np.mean(thresholds))
