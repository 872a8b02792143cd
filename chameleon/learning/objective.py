"""What the optimisation measures of a perturbation: how well faces still match the user, and how visible it is."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from guise.chameleon.faces import geometry
from guise.chameleon.faces.crop import FaceCrop
from guise.chameleon.learning.appearance import Appearance
from guise.chameleon.learning.augmentation import vary
from guise.chameleon.learning.crops import AlignedCrops
from guise.chameleon.learning.targets import TargetTemplates
from guise.chameleon.visibility.budget import Budget
from guise.models import Recogniser
from guise.models.networks.precision import half_precision


class Objective:
    """P faces as recognisers and people see them.

    Perturbations are float32 (1, 3, CANVAS, CANVAS), the same on all faces, or (P, 3, CANVAS, CANVAS), one for each, in
    units of the full range.

    Attributes:
        recognisers: the surrogates.
        device: theirs.
        appearance: the faces as people see them.
    """

    def __init__(
        self,
        faces: Sequence[FaceCrop],
        recognisers: Sequence[Recogniser],
        *,
        views: int,
        jitter: float,
        random: torch.Generator,
    ) -> None:
        """Prepare everything that does not depend on the perturbation.

        Args:
            faces: the P faces.
            recognisers: surrogates, all on one device.
            views: jittered crops prepared for each face and recogniser.
            jitter: standard deviation of the landmarks' error in the crops, in units of the distance between the eyes.
            random: source of every random choice, here and later.
        """
        self.recognisers = recognisers
        self.device = next(recognisers[0].buffers()).device
        self._random = random
        self._crops = [
            AlignedCrops.prepare(
                faces,
                recogniser.record,
                frame=geometry.CANONICAL_TEMPLATE,
                count=views,
                jitter=jitter,
                random=random,
                device=self.device,
            )
            for recogniser in recognisers
        ]
        self.appearance = Appearance(faces, device=self.device)
        self._grey = torch.tensor([face.grey for face in faces], device=self.device).view(-1, 1, 1, 1)

    def clean(self) -> list[Tensor]:
        """Give the faces without jitter and without perturbation.

        Returns:
            For each recogniser float32 (P, 3, S, S) in [0, 1], aligned for it.
        """
        return [crops.clean[:, 0] for crops in self._crops]

    def draw(self, count: int) -> list[int]:
        """Draw some of the recognisers for an update. Two at a time teach a mask as much as all four do.

        Args:
            count: how many, if there are so many.

        Returns:
            Their indices.
        """
        return torch.randperm(len(self.recognisers), generator=self._random)[:count].tolist()

    def embeddings(self, perturbation: Tensor, chosen: Tensor, *, by: Sequence[int]) -> list[Tensor]:
        """Embed a random, varied crop of each chosen face with the perturbation on; differentiable.

        Args:
            perturbation: see the class.
            chosen: int64 (N,), indices of faces.
            by: indices of recognisers.

        Returns:
            For each of these recognisers float32 (N, D), raw.
        """
        return [self.embed(index, perturbation, chosen, self._random) for index in by]

    def fork(self) -> torch.Generator:
        """Make a source of random choices for one task, so that tasks may run in any order.

        Returns:
            The source.
        """
        return torch.Generator().manual_seed(int(torch.randint(2**62, (), generator=self._random)))

    def embed(self, by: int, perturbation: Tensor, chosen: Tensor, random: torch.Generator) -> Tensor:
        """Embed a random, varied crop of each chosen face with the perturbation on; differentiable.

        Args:
            by: index of a recogniser.
            perturbation: see the class.
            chosen: int64 (N,), indices of faces.
            random: source of every random choice.

        Returns:
            float32 (N, D), raw.
        """
        clean, grid = self._crops[by].draw(chosen, random)
        masked = (clean + geometry.sample(self._on(perturbation, chosen), grid)).clamp(0, 1)
        with half_precision(masked.device):
            embeddings: Tensor = self.recognisers[by](vary(masked, random))
        return embeddings.float()

    def plain_embeddings(self, perturbation: Tensor) -> list[Tensor]:
        """Embed all faces as `clean` shows them, with the perturbation on.

        Args:
            perturbation: see the class.

        Returns:
            For each recogniser float32 (P, D), raw.
        """
        perturbation = self._on(perturbation, torch.arange(len(self._grey)))
        return [
            recogniser((crops.clean[:, 0] + geometry.sample(perturbation, crops.grids[:, 0])).clamp(0, 1))
            for recogniser, crops in zip(self.recognisers, self._crops, strict=True)
        ]

    def _on(self, perturbation: Tensor, chosen: Tensor) -> Tensor:
        """What the chosen faces get: on photos with one channel the mean of the three."""
        own = perturbation[chosen] if len(perturbation) > 1 else perturbation
        grey = self._grey[chosen]
        return torch.where(grey, own.mean(1, keepdim=True), own) if grey.any() else own

    def spent(self, perturbation: Tensor, chosen: Tensor, budget: Budget) -> Tensor:
        """Measure how much of a budget a perturbation uses up; differentiable.

        Args:
            perturbation: see the class.
            chosen: int64 (N,), indices of faces.
            budget: the bounds.

        Returns:
            float32 (N, 3), shares of the bounds on SSIM, FLIP and flecks (`Appearance.shares`).
        """
        return self.appearance.shares(self._on(perturbation, chosen), chosen, budget)


def mean_match_score(
    targets: Sequence[TargetTemplates],
    embeddings: Sequence[Tensor],
    chosen: Tensor,
    *,
    weights: Tensor | None = None,
) -> Tensor:
    """Score how well faces still match their people, on average over recognisers.

    Args:
        targets: the templates of each recogniser.
        embeddings: float32 (N, D) of each recogniser, raw.
        chosen: int64 (N,), which faces these are.
        weights: float32 (N, R), for each of these faces the weights of the R recognisers, above 0; None weighs all
            alike.

    Returns:
        float32 (), mean of `TargetTemplates.match_score`.
    """
    scores = torch.stack(
        [target.match_score(rows, chosen) for target, rows in zip(targets, embeddings, strict=True)], dim=1
    )
    return scores.mean() if weights is None else (scores * weights / weights.mean(1, keepdim=True)).mean()
