"""Who the user is, to one recogniser, and how much an embedding still looks like them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from models import Recogniser


@dataclass(frozen=True)
class Identity:
    """The user's clean faces as one recogniser sees them.

    Attributes:
        population: float32 (D,), mean embedding of people at large; zeros where it is not known.
        centroid: float32 (D,), mean of the user's clean embeddings.
        spread: mean distance of the user's clean embeddings from `population`.
        unit: the recogniser compares by cosine, so that embeddings count at unit length.
    """

    population: Tensor
    centroid: Tensor
    spread: Tensor
    unit: bool

    @classmethod
    def of(cls, recogniser: Recogniser, crops: Tensor) -> Identity:
        """The user on `crops`, float32 (N, 3, S, S) in [0, 1], aligned for `recogniser`."""
        with torch.no_grad():
            embeddings = torch.cat([recogniser(part) for part in crops.split(16)])
        unit, population = recogniser.record.metric == "cosine", recogniser.population
        embeddings = F.normalize(embeddings, dim=1) if unit else embeddings
        return cls(population, embeddings.mean(0), (embeddings - population).norm(dim=1).mean(), unit)

    def likeness(self, embeddings: Tensor) -> Tensor:
        """How much `embeddings` (N, D) look like the user's on average; at most 1, falls without bound.

        Two terms pull together. The cosine is taken around the population's mean, since some recognisers put all
        faces into a narrow cone (dlib's cosines all exceed .8), where angles around the origin say little; the
        distance, in units of `spread`, is what a recogniser compares in the end.
        """
        embeddings = F.normalize(embeddings, dim=1) if self.unit else embeddings
        direction = F.normalize(self.centroid - self.population, dim=0)
        cosine = F.normalize(embeddings - self.population, dim=1) @ direction
        distance = (embeddings - self.centroid).norm(dim=1) / self.spread
        likeness: Tensor = cosine - distance
        return likeness.mean()


def similarity(embedding: np.ndarray, other: np.ndarray, population: np.ndarray) -> float:
    """Cosine similarity of two embeddings (D,) relative to the population's mean (D,), in [-1, 1]."""
    a, b = embedding - population, other - population
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))
