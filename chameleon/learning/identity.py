"""Who the user is to one recogniser, and how much an embedding still looks like them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from guise.models import Recogniser


@dataclass(frozen=True)
class Person:
    """A user's clean faces in the eyes of one recogniser, in brief.

    Attributes:
        centroid: float32 (D,), mean clean embedding, each at unit length where the recogniser compares by cosine.
        spread: mean distance of the clean embeddings from the population's mean.
    """

    centroid: np.ndarray
    spread: float


@dataclass(frozen=True)
class Identity:
    """Clean faces as one recogniser sees them.

    Attributes:
        population: float32 (D,), mean embedding of people at large; zeros where it is not known.
        people: float32 (N, D), for each face the mean clean embedding of its person; (1, D): one for all faces.
        spread: mean distance of the clean embeddings from `population`.
        unit: the recogniser compares by cosine, so that embeddings count at unit length.
    """

    population: Tensor
    people: Tensor
    spread: Tensor
    unit: bool

    @classmethod
    def of(cls, recogniser: Recogniser, crops: Tensor, *, one_person: bool = True) -> Identity:
        """Who is on `crops`, float32 (N, 3, S, S) in [0, 1], aligned for `recogniser`.

        Without `one_person` each crop stands for somebody of its own.
        """
        with torch.no_grad():
            embeddings = torch.cat([recogniser(part) for part in crops.split(16)])
        unit, population = recogniser.record.metric == "cosine", recogniser.population
        embeddings = F.normalize(embeddings, dim=1) if unit else embeddings
        people = embeddings.mean(0, keepdim=True) if one_person else embeddings
        return cls(population, people, (embeddings - population).norm(dim=1).mean(), unit)

    @classmethod
    def known(cls, recogniser: Recogniser, person: Person) -> Identity:
        """The identity of a user whose photos were seen before."""
        population = recogniser.population
        people = torch.from_numpy(person.centroid).to(population)[None]
        return cls(population, people, torch.tensor(person.spread).to(population), recogniser.record.metric == "cosine")

    def person(self) -> Person:
        """The one person that all faces show."""
        (centroid,) = self.people.cpu().numpy()
        return Person(centroid, float(self.spread))

    def directions(self, embeddings: Tensor) -> Tensor:
        """Where `embeddings` (M, D) lie as seen from the population's mean: unit vectors."""
        return F.normalize(self._as_compared(embeddings) - self.population, dim=1)

    def likeness(self, embeddings: Tensor, faces: Tensor) -> Tensor:
        """How much `embeddings` (M, D) look like the people on `faces` (M,), on average; at most 1, unbounded below.

        Two terms pull together. The cosine is taken around the population's mean, since some recognisers put all
        faces into a narrow cone (dlib's cosines all exceed .8), where angles around the origin say little; the
        distance, in units of `spread`, is what a recogniser compares in the end.
        """
        embeddings = self._as_compared(embeddings)
        people = self.people[faces] if len(self.people) > 1 else self.people
        cosine = F.cosine_similarity(embeddings - self.population, people - self.population, dim=1)
        distance = (embeddings - people).norm(dim=1) / self.spread
        likeness: Tensor = cosine - distance
        return likeness.mean()

    def _as_compared(self, embeddings: Tensor) -> Tensor:
        return F.normalize(embeddings, dim=1) if self.unit else embeddings


def similarity(embedding: np.ndarray, other: np.ndarray, population: np.ndarray) -> float:
    """Cosine similarity of two embeddings (D,) relative to the population's mean (D,), in [-1, 1]."""
    a, b = embedding - population, other - population
    return float(a @ b / max(float(np.linalg.norm(a) * np.linalg.norm(b)), 1e-12))
