"""The people from whom the optimisation takes faces away, as one recogniser sees them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from guise.chameleon.faces.template import FaceTemplate
from guise.models import Recogniser


@dataclass(frozen=True)
class TargetTemplates:
    """Face templates of one recogniser as tensors, and a differentiable score of how well faces match them.

    Attributes:
        population: float32 (D,), mean embedding of people at large; zeros where it is not known.
        means: float32 (N, D), for each face the mean clean embedding of its person; (1, D): one for all faces.
        spread: float32 (), mean distance of the clean embeddings from `population`.
        unit: whether the recogniser compares by cosine, so that embeddings count at unit length.
    """

    population: Tensor
    means: Tensor
    spread: Tensor
    unit: bool

    @classmethod
    def from_crops(cls, recogniser: Recogniser, crops: Tensor, *, one_person: bool = True) -> TargetTemplates:
        """Make the templates of the people on aligned crops.

        Args:
            recogniser: embeds the crops.
            crops: float32 (N, 3, S, S) in [0, 1], aligned for `recogniser`, on its device.
            one_person: whether all crops show one person; else each stands for a person of its own.

        Returns:
            One template, or N.
        """
        with torch.no_grad():
            embeddings = torch.cat([recogniser(part) for part in crops.split(16)])
        unit, population = recogniser.record.metric == "cosine", recogniser.population
        embeddings = F.normalize(embeddings, dim=1) if unit else embeddings
        means = embeddings.mean(0, keepdim=True) if one_person else embeddings
        return cls(population, means, (embeddings - population).norm(dim=1).mean(), unit)

    @classmethod
    def from_template(cls, recogniser: Recogniser, template: FaceTemplate) -> TargetTemplates:
        """Take over the template of a user whose photos were seen before.

        Args:
            recogniser: the one that made the template.
            template: with its spread.

        Returns:
            One template for all faces.

        Raises:
            ValueError: the template has no spread.
        """
        if template.spread is None:
            raise ValueError("a face template without its spread is no target")
        population = recogniser.population
        means = torch.from_numpy(template.mean).to(population)[None]
        spread = torch.tensor(template.spread).to(population)
        return cls(population, means, spread, recogniser.record.metric == "cosine")

    def template(self) -> FaceTemplate:
        """Give the template of the one person that all faces show.

        Returns:
            The template, with its spread.

        Raises:
            ValueError: there are several people.
        """
        (mean,) = self.means.cpu().numpy()
        return FaceTemplate(mean, float(self.spread))

    def directions(self, embeddings: Tensor) -> Tensor:
        """Tell in which direction embeddings lie, as seen from the population's mean.

        Args:
            embeddings: float32 (M, D), raw.

        Returns:
            float32 (M, D), unit vectors.
        """
        return F.normalize(self._as_compared(embeddings) - self.population, dim=1)

    def match_score(self, embeddings: Tensor, faces: Tensor) -> Tensor:
        """Score how well faces still match the templates of their people.

        Two terms pull together. The cosine is taken around the population's mean, since some recognisers put all
        faces into a narrow cone (dlib's cosines all exceed .8), where angles around the origin say little. The
        distance, in units of `spread`, is what a recogniser compares in the end.

        Args:
            embeddings: float32 (M, D), raw.
            faces: int64 (M,), which face each embedding is of; not used where one template stands for all.

        Returns:
            float32 (M,), the scores; at most 1, unbounded below.
        """
        embeddings = self._as_compared(embeddings)
        means = self.means[faces] if len(self.means) > 1 else self.means
        cosine = F.cosine_similarity(embeddings - self.population, means - self.population, dim=1)
        distance = (embeddings - means).norm(dim=1) / self.spread
        score: Tensor = cosine - distance
        return score

    def _as_compared(self, embeddings: Tensor) -> Tensor:
        return F.normalize(embeddings, dim=1) if self.unit else embeddings
