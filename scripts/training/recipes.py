"""How each kind of student is trained: the three differ in architecture, loss and teachers, so that they err apart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass(frozen=True)
class Recipe:
    """How to train one.

    Attributes:
        network: its name in `models.embedded.NETWORKS`.
        teachers: how many of the teachers it learns from, in their order.
        learning_rate, weight_decay: of AdamW.
        relations: weight of agreeing with the teachers on how alike two faces of a batch are.
        contrast: weight of telling which of a batch's answers is whose.
        margin: weight of CosFace on the training people; 0 leaves it out.
        hints: what the student is told of what goes on inside its first teacher: "blocks" if it is built like it, for
            `alone` of the steps block by block, and nothing else is asked of it; "ends" of stages otherwise.
        push: root mean square, in 8-bit steps, of the largest adversarial change that its answers shall survive. In
            the second half of training each batch is seen twice, the second time moved along the first one's gradient
            (A. Shafahi et al., "Adversarial Training for Free!", NeurIPS 2019). A little of it makes what is learnt on
            a network carry over to others (J. Springer et al., "A Little Robustness Goes a Long Way", NeurIPS 2021).
    """

    network: str
    teachers: int
    learning_rate: float
    weight_decay: float
    relations: float = 0.0
    contrast: float = 0.0
    margin: float = 0.0
    push: float = 0.0
    hints: Literal["", "blocks", "ends"] = ""
    alone: float = 0.15


_TEMPERATURE = 0.07

RECIPES = {
    "vit": Recipe("vit", 2, 5e-4, 0.05, contrast=1.0, hints="ends"),
    "iresnet": Recipe("iresnet", 2, 2e-3, 0.02, relations=10.0, hints="ends"),
    "mobilefacenet": Recipe("mobilefacenet", 1, 4e-3, 0.0, hints="blocks"),
}


def distance(embeddings: Tensor, answers: Tensor) -> Tensor:
    """1 - cosine to each teacher's embedding, on average: (N, teachers, D) twice -> ()."""
    return (1 - F.cosine_similarity(embeddings, answers, dim=2)).mean()


def relation_error(embeddings: Tensor, answers: Tensor) -> Tensor:
    """Mean squared error of the cosines between the batch's faces: (N, teachers, D) twice -> ()."""
    ours, theirs = (F.normalize(F.normalize(part, dim=2).flatten(1), dim=1) for part in (embeddings, answers))
    return (ours @ ours.T - theirs @ theirs.T).square().mean()


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


class CosFace(nn.Module):
    """Softmax over people with a margin on the right one (H. Wang et al., "CosFace", CVPR 2018)."""

    def __init__(self, dimensions: int, people: int, *, scale: float = 32.0, margin: float = 0.2) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.randn(people, dimensions))
        self.scale, self.margin = scale, margin

    def forward(self, embeddings: Tensor, classes: Tensor) -> Tensor:
        """Mean loss of the faces (N, dimensions) whose class (N,) is known; 0 where none is."""
        known = classes >= 0
        if not known.any():
            return embeddings.sum() * 0
        cosines = F.normalize(embeddings[known], dim=1) @ F.normalize(self.centres, dim=1).T
        margins = self.margin * F.one_hot(classes[known], len(self.centres))
        return F.cross_entropy(self.scale * (cosines - margins), classes[known])
