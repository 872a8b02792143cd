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

    Embeddings are taken relative to the population's mean: some recognisers put all faces into a narrow cone
    (dlib's cosines all exceed .8), where angles around the origin say little.

    Attributes:
        population: float32 (D,), mean embedding of people at large; zeros where it is not known.
        faces: float32 (N, D), the user's clean embeddings, centred, unit length.
    """

    population: Tensor
    faces: Tensor

    @classmethod
    def of(cls, recogniser: Recogniser, crops: Tensor) -> Identity:
        """The user on `crops`, float32 (N, 3, S, S) in [0, 1], aligned for `recogniser`."""
        with torch.no_grad():
            embeddings = torch.cat([recogniser(part) for part in crops.split(16)])
        population = recogniser.population
        return cls(population, F.normalize(embeddings - population, dim=1))

    def likeness(self, embeddings: Tensor) -> Tensor:
        """Mean cosine similarity of `embeddings` (N, D) to the user, in [-1, 1]; differentiable."""
        centroid = F.normalize(self.faces.mean(0), dim=0)
        return (F.normalize(embeddings - self.population, dim=1) @ centroid).mean()


def similarity(embedding: np.ndarray, other: np.ndarray, population: np.ndarray) -> float:
    """Cosine similarity of two embeddings (D,) relative to the population's mean (D,), in [-1, 1]."""
    a, b = embedding - population, other - population
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))
