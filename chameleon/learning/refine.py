"""Fit a user's mask to each photo before it is put on: a few steps of the same optimisation, on that photo's face.

A mask that must serve any photo of a user spends much of its budget where this photo does not need it, and moves all
of them the same way, so that they still find one another. Refined, each is taken away from the user by what works on
it, and away from the user's other protected photos: dispersion, as Protego (2026) introduced it, here by a penalty on
each pair's cosine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from guise.chameleon.faces import geometry
from guise.chameleon.faces.crop import Portrait
from guise.chameleon.learning.identity import Identity, Person
from guise.chameleon.learning.learn import COLOUR, EPSILON, falling
from guise.chameleon.learning.objective import Objective, colour, likeness
from guise.chameleon.mask.mask import REFINEMENT_STEP, Mask
from guise.chameleon.mask.support import face_support
from guise.chameleon.visibility.budget import Budget
from guise.models import Recogniser
from guise.models.errors import InputError

Standing = Mapping[str, np.ndarray]
"""Where a protected face lies, by name of the recogniser: float32 (D,), a unit vector (`Identity.directions`)."""

_LARGEST = 127 * REFINEMENT_STEP  # what int8 holds
_APART = -0.2  # cosine between two protected photos below which they need not be taken further apart


@dataclass(frozen=True)
class RefinementSettings:
    """How to refine; the defaults are those of `protect`.

    Attributes:
        steps: updates of each photo's mask; 0 leaves the user's as it is.
        views: jittered crops prepared for each face and recogniser.
        jitter: standard deviation of the landmarks' error in the crops, in units of the distance between the eyes.
        learning_rate: of Adam, in the mask's units, falling to nearly 0 along a cosine.
        dispersion: weight of keeping protected photos apart, beside taking them away from the user.
    """

    steps: int = 60
    views: int = 4
    jitter: float = 0.02
    learning_rate: float = 2.5 / 255
    dispersion: float = 1.0


@dataclass(frozen=True)
class Refined:
    """What refining made of one face.

    Attributes:
        refinement: int8 (3, S, S), to be added to the user's mask in steps of `mask.REFINEMENT_STEP`.
        standing: where the face lies with it.
    """

    refinement: np.ndarray
    standing: Standing


class Refiner:
    """Refines one user's mask, and keeps photos apart from those that it is told to remember."""

    def __init__(
        self,
        mask: Mask,
        recognisers: Sequence[Recogniser],
        persons: Mapping[str, Person],
        *,
        budget: Budget,
        settings: RefinementSettings | None = None,
    ) -> None:
        """Args:
        mask: the user's, in the canonical frame: of our procedure, not the published one.
        recognisers: surrogates, all on one device.
        persons: the user in their eyes, by name; without one, each face is taken away from itself.
        budget: how visible the mask may be on each face.
        settings: how to refine.

        Raises:
            InputError: the mask or the persons do not fit.
        """
        if mask.size != geometry.CANVAS:
            raise InputError(f"a mask of {mask.size} pixels cannot be refined: put it on as it is with --refine 0")
        for recogniser in recognisers:
            name, size = recogniser.record.name, recogniser.record.embedding_size
            if name in persons and persons[name].centroid.shape != (size,):
                raise InputError(f"the key knows its user by other embeddings than {name} gives: use --refine 0")
        self._mask, self._recognisers, self._persons = mask, recognisers, persons
        self._budget, self.settings = budget, settings or RefinementSettings()
        self._company: list[Standing] = []

    def describe(self) -> dict[str, Any]:
        """What decides on the result beside mask, budget and photos, as plain JSON."""
        names = [one.record.name for one in self._recognisers]
        return {"recognisers": names, "persons": sorted(self._persons), **asdict(self.settings)}

    def remember(self, standing: Standing) -> None:
        """Keep later photos apart from a protected face."""
        self._company.append(standing)

    def refine(self, portraits: Sequence[Portrait], *, seed: int) -> list[Refined]:
        """Refine the mask for each of `portraits`, which are kept apart from one another and from all remembered.

        Args:
            portraits: the faces, best some eight at a time.
            seed: of every random choice.
        """
        settings, random = self.settings, torch.Generator().manual_seed(seed)
        objective = Objective(portraits, self._recognisers, views=settings.views, jitter=settings.jitter, random=random)
        identities = self._identities(objective)
        company = self._known(objective.device)
        support = face_support().to(objective.device)
        learnt = torch.from_numpy(self._mask.values).to(objective.device)
        changes = torch.zeros(len(portraits), *learnt.shape, device=objective.device, requires_grad=True)
        optimiser = torch.optim.Adam([changes], lr=settings.learning_rate, betas=(0.9, 0.99))
        prices = torch.full((len(portraits), 3), 0.5, device=objective.device)  # of the three bounds: dual variables
        everyone = torch.arange(len(portraits))

        for step in range(settings.steps):
            for group in optimiser.param_groups:
                group["lr"] = falling(settings.learning_rate, step / settings.steps)
            masks = learnt + support * changes
            embeddings = objective.embeddings(masks, everyone)
            loss = likeness(identities, embeddings, everyone)
            loss = loss + settings.dispersion * _closeness(identities, embeddings, company) + COLOUR * colour(masks)
            spent = objective.spent(masks, everyone, self._budget)
            (len(portraits) * loss + (prices * spent).sum()).backward()
            optimiser.step()
            optimiser.zero_grad()
            with torch.no_grad():
                changes.clamp_((-EPSILON - learnt).clamp(min=-_LARGEST), (EPSILON - learnt).clamp(max=_LARGEST))
                prices = (prices * (0.1 * (spent - 1)).exp()).clamp(1e-2, 1e2)
        steps = (support * changes.detach() / REFINEMENT_STEP).round()
        with torch.no_grad():
            final = objective.plain_embeddings(learnt + REFINEMENT_STEP * steps)
        stand = {
            recogniser.record.name: identity.directions(embedding).cpu().numpy()
            for recogniser, identity, embedding in zip(self._recognisers, identities, final, strict=True)
        }
        return [
            Refined(levels, {name: rows[index] for name, rows in stand.items()})
            for index, levels in enumerate(steps.to(torch.int8).cpu().numpy())
        ]

    def _identities(self, objective: Objective) -> list[Identity]:
        return [
            Identity.known(recogniser, self._persons[recogniser.record.name])
            if recogniser.record.name in self._persons
            else Identity.of(recogniser, crops, one_person=False)
            for recogniser, crops in zip(self._recognisers, objective.clean(), strict=True)
        ]

    def _known(self, device: torch.device) -> list[Tensor]:
        """For each recogniser the faces that are kept apart from: float32 (M, D)."""
        known = []
        for recogniser in self._recognisers:
            name, size = recogniser.record.name, recogniser.record.embedding_size
            faces = [standing[name] for standing in self._company if name in standing]
            rows = [row for row in faces if row.shape == (size,)]
            known.append(torch.from_numpy(np.stack(rows) if rows else np.zeros((0, size), np.float32)).to(device))
        return known


def _closeness(identities: Sequence[Identity], embeddings: Sequence[Tensor], company: Sequence[Tensor]) -> Tensor:
    """How near protected faces lie to one another and to the company, on average over recognisers; 0 if far apart."""
    each = []
    for identity, embedding, known in zip(identities, embeddings, company, strict=True):
        directions = identity.directions(embedding)
        cosines = directions @ torch.cat([directions, known]).T
        others = ~torch.eye(*cosines.shape, dtype=torch.bool, device=cosines.device)
        each.append(2 * (cosines - _APART).clamp(min=0)[others].square().sum() / others.sum().clamp(min=1))
    return torch.stack(each).mean()
