"""What the optimisation sees of a perturbation: how much faces still look like the user, and how visible it is."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from guise.chameleon.faces import geometry
from guise.chameleon.faces.crop import Portrait
from guise.chameleon.learning.augmentation import vary
from guise.chameleon.learning.identity import Identity
from guise.chameleon.learning.views import Views, Windows
from guise.chameleon.visibility.budget import Budget
from guise.chameleon.visibility.flip import FlipReference, pooled
from guise.chameleon.visibility.ssim import ssim
from guise.models import Recogniser
from guise.models.networks.precision import half_precision


class Objective:
    """P portraits in the eyes of recognisers and of people.

    Perturbations are float32 (1, 3, CANVAS, CANVAS), the same on all portraits, or (P, 3, CANVAS, CANVAS), one each, in
    units of the full range.
    """

    def __init__(
        self,
        portraits: Sequence[Portrait],
        recognisers: Sequence[Recogniser],
        *,
        views: int,
        jitter: float,
        random: torch.Generator,
    ) -> None:
        """Args:
        portraits: the faces.
        recognisers: surrogates, all on one device.
        views: jittered crops prepared for each portrait and recogniser.
        jitter: standard deviation of the landmarks' error in the crops, in units of the distance between the eyes.
        random: source of every random choice, here and later.
        """
        self.recognisers = recognisers
        self.device = next(recognisers[0].buffers()).device
        self._random = random
        self._views = [
            Views.prepare(
                portraits,
                recogniser.record,
                frame=geometry.CANONICAL_TEMPLATE,
                count=views,
                jitter=jitter,
                random=random,
                device=self.device,
            )
            for recogniser in recognisers
        ]
        self._windows = Windows(portraits, device=self.device)
        self._grey = torch.tensor([portrait.grey for portrait in portraits], device=self.device).view(-1, 1, 1, 1)

    def clean(self) -> list[Tensor]:
        """The portraits without jitter as each recogniser gets them: float32 (P, 3, S, S) in [0, 1]."""
        return [view.clean[:, 0] for view in self._views]

    def embeddings(self, perturbation: Tensor, chosen: Tensor) -> list[Tensor]:
        """Each recogniser's raw embeddings, float32 (N, D), of a random view of each chosen portrait (N,)."""
        return [
            self._embed(recogniser, view, perturbation, chosen)
            for recogniser, view in zip(self.recognisers, self._views, strict=True)
        ]

    def plain_embeddings(self, perturbation: Tensor) -> list[Tensor]:
        """Raw embeddings of all portraits as `clean` shows them, with the perturbation on."""
        perturbation = self._on(perturbation, torch.arange(len(self._grey)))
        return [
            recogniser((view.clean[:, 0] + geometry.sample(perturbation, view.grids[:, 0])).clamp(0, 1))
            for recogniser, view in zip(self.recognisers, self._views, strict=True)
        ]

    def _on(self, perturbation: Tensor, chosen: Tensor) -> Tensor:
        """What the chosen portraits get: on photos with one channel the mean of the three."""
        own = perturbation[chosen] if len(perturbation) > 1 else perturbation
        grey = self._grey[chosen]
        return torch.where(grey, own.mean(1, keepdim=True), own) if grey.any() else own

    def _embed(self, recogniser: Recogniser, view: Views, perturbation: Tensor, chosen: Tensor) -> Tensor:
        clean, grid = view.draw(chosen, self._random)
        masked = (clean + geometry.sample(self._on(perturbation, chosen), grid)).clamp(0, 1)
        with half_precision(masked.device):
            embeddings: Tensor = recogniser(vary(masked, self._random))
        return embeddings.float()

    def spent(self, perturbation: Tensor, chosen: Tensor, budget: Budget) -> Tensor:
        """Shares of the budget's three bounds that a random window of each chosen portrait (N,) uses up: (N, 3)."""
        clean, grid = self._windows.draw(chosen, self._random)
        masked = (clean + geometry.sample(self._on(perturbation, chosen), grid)).clamp(0, 1)
        mean, peak = pooled(FlipReference(clean).map(masked))
        structure = (1 - ssim(clean, masked)) / (1 - budget.ssim)
        return torch.stack([structure, mean / budget.flip, peak / budget.peak], dim=1)


def likeness(identities: Sequence[Identity], embeddings: Sequence[Tensor], chosen: Tensor) -> Tensor:
    """How much faces still look like their people, on average over recognisers; see `Identity.likeness`."""
    each = [identity.likeness(e, chosen) for identity, e in zip(identities, embeddings, strict=True)]
    return torch.stack(each).mean()


def colour(perturbation: Tensor) -> Tensor:
    """What a perturbation (N, 3, H, W) has of colour: its mean square, in units of 3 grey levels.

    SSIM hardly sees colour flecks and FLIP forgives a few; people do not.
    """
    squares: Tensor = (perturbation - perturbation.mean(1, keepdim=True)).square()
    return squares.mean() / (3 / 255) ** 2
