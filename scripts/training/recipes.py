"""How each kind of student is trained."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F


@dataclass(frozen=True)
class Recipe:
    """How to train one kind of student.

    Attributes:
        network: its name in `guise.models.networks.students.NETWORKS`.
        teachers: how many of the teachers it learns from, in their order.
        learning_rate, weight_decay: of AdamW.
        contrast: weight of telling which of a batch's answers is whose.
        alone: share of the steps in which each stage is taught from what the teacher's stages before it give, before
            all are taught as a whole, by `hints`. 0: from the teachers' answers alone.
    """

    network: str
    teachers: int
    learning_rate: float
    weight_decay: float
    contrast: float = 0.0
    alone: float = 0.0


_TEMPERATURE = 0.07

RECIPES = {
    "vit": Recipe("vit", 2, 5e-4, 0.05, contrast=1.0),
    "iresnet": Recipe("iresnet", 1, 3e-3, 0.0, alone=0.15),
    "mobilefacenet": Recipe("mobilefacenet", 1, 4e-3, 0.0, alone=0.15),
}


def distance(embeddings: Tensor, answers: Tensor) -> Tensor:
    """1 - cosine to each teacher's embedding, on average: (N, teachers, D) twice -> ()."""
    return (1 - F.cosine_similarity(embeddings, answers, dim=2)).mean()


def confusion(embeddings: Tensor, answers: Tensor) -> Tensor:
    """Cross-entropy of finding each face's answer in the batch and the reverse: (N, teachers, D) twice -> ().

    Without it a transformer long gives every face the mean answer. Source: A. van den Oord et al., "Representation
    Learning with Contrastive Predictive Coding", 2018 (InfoNCE).
    """
    own = torch.arange(len(embeddings), device=embeddings.device)
    each = []
    for ours, theirs in zip(embeddings.unbind(1), answers.unbind(1), strict=True):
        logits = F.normalize(ours, dim=1) @ F.normalize(theirs - theirs.mean(0), dim=1).T / _TEMPERATURE
        each.append((F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2)
    return torch.stack(each).mean()
