"""Fit a user's mask to each photo before it is put on: a few steps of the same optimisation, on that photo's face.

A mask that must serve any photo of a user spends much of its budget where this photo does not need it. It also moves
all photos the same way, so that they still match one another. A refined mask takes a photo away from the user by what
works on that photo, and away from the user's other protected photos. The second is dispersion, which Protego (2026)
introduced; here it is a penalty on each pair's cosine.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from guise.chameleon.faces import geometry
from guise.chameleon.faces.crop import FaceCrop
from guise.chameleon.faces.template import FaceTemplate
from guise.chameleon.learning.attempt import Attempt
from guise.chameleon.learning.directions import ProtectedDirections, closeness, rows_of
from guise.chameleon.learning.learn import EPSILON, falling
from guise.chameleon.learning.objective import Objective, mean_match_score
from guise.chameleon.learning.on_photo import SPENT, TRIES, PhotoMeter, within_budget
from guise.chameleon.learning.pulling import match_gradient, visibility_gradient
from guise.chameleon.learning.targets import TargetTemplates
from guise.chameleon.mask.mask import REFINEMENT_STEP, Mask
from guise.chameleon.mask.support import support_of
from guise.chameleon.visibility.budget import Budget
from guise.models import Recogniser
from guise.models.cores import Run, all_cores
from guise.models.errors import InputError

_LARGEST = 127  # what int8 holds
_PRICES = (0.15, 1.1, 0.03)  # of the bounds on SSIM, FLIP and flecks at the start: near where they mostly end
_BETAS = (0.5, 0.99)  # of Adam: with so few steps a long memory of gradients costs more than their noise
_RATE = 3.0  # how fast they change in all; where they swing, the last steps leave much of the budget unspent


@dataclass(frozen=True)
class RefinementSettings:
    """How to refine; the defaults are those of `protect`.

    Attributes:
        steps: updates of each photo's mask; 0 leaves the user's as it is.
        views: jittered crops prepared for each face and recogniser.
        jitter: standard deviation of the landmarks' error in the crops, in units of the distance between the eyes.
        learning_rate: of Adam, in the mask's units, on a face that may change by `EPSILON`; on one that may change
            less it is less in proportion. It falls to nearly 0 along a cosine.
        dispersion: weight of keeping protected photos apart; taking them away from the user has weight 1.
        surrogates: drawn for each update.
        looks_at_photo: how often the estimate of visibility is corrected by the photo itself.
        tries: as of `within_budget`.
    """

    steps: int = 40
    views: int = 4
    jitter: float = 0.02
    learning_rate: float = 4 / 255
    dispersion: float = 0.75
    surrogates: int = 2
    looks_at_photo: int = 3
    tries: int = TRIES


@dataclass(frozen=True)
class Refined:
    """The refinement for one face.

    Attributes:
        refinement: int8 (3, S, S), to be added to the user's mask in steps of `mask.REFINEMENT_STEP`.
        directions: in which directions the face lies with it.
    """

    refinement: np.ndarray
    directions: ProtectedDirections


class Refiner:
    """Refines one user's mask, and keeps photos apart from the others that it is told to remember.

    Attributes:
        settings: how it refines.
    """

    def __init__(
        self,
        mask: Mask,
        recognisers: Sequence[Recogniser],
        templates: Mapping[str, FaceTemplate],
        *,
        budget: Budget,
        settings: RefinementSettings | None = None,
    ) -> None:
        """Prepare to refine a mask.

        Args:
            mask: the user's, in the canonical frame; one of our procedure, not of the published one.
            recognisers: surrogates, all on one device.
            templates: the user's face template of each, by its name; where one is missing, each face is taken away
                from itself.
            budget: how visible the mask may be on each face.
            settings: how to refine; None means the defaults.

        Raises:
            InputError: the mask or a template does not fit.
        """
        if mask.size != geometry.CANVAS:
            raise InputError(f"a mask of {mask.size} pixels cannot be refined: put it on as it is with `refine=0`")
        for recogniser in recognisers:
            name, size = recogniser.record.name, recogniser.record.embedding_size
            if name in templates and templates[name].mean.shape != (size,):
                raise InputError(f"the key knows its user by other embeddings than {name} gives: use `refine=0`")
        self._mask, self._recognisers, self._templates = mask, recognisers, templates
        self._budget, self.settings = budget, settings or RefinementSettings()
        self._others: list[ProtectedDirections] = []

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the recognisers from whose eyes it takes faces away."""
        return tuple(recogniser.record.name for recogniser in self._recognisers)

    def describe(self) -> dict[str, Any]:
        """Describe what the result depends on, apart from mask, budget and photos.

        Returns:
            Plain JSON. It is hashed into logs, so its names stay.
        """
        return {"recognisers": list(self.names), "persons": sorted(self._templates), **asdict(self.settings)}

    def remember(self, directions: ProtectedDirections) -> None:
        """Keep later photos apart from a protected face.

        Args:
            directions: in which directions that face lies; those of other recognisers are passed over.
        """
        self._others.append(directions)

    def refine(
        self,
        faces: Sequence[FaceCrop],
        *,
        seed: int,
        attempt: Attempt | None = None,
        progress: Callable[[int, int], None] | None = None,
    ) -> list[Refined]:
        """Refine the mask for each of some faces, which are kept apart from one another and from all remembered.

        Args:
            faces: best some eight at a time.
            seed: of every random choice.
            attempt: in what other way to refine; None is the usual one.
            progress: called with steps done and steps in all.

        Returns:
            One refinement for each face.
        """
        with all_cores() as run:
            return self._refine(faces, seed, attempt or Attempt(), progress or (lambda *_: None), run)

    def _refine(
        self, faces: Sequence[FaceCrop], seed: int, attempt: Attempt, tell: Callable[[int, int], None], run: Run
    ) -> list[Refined]:
        settings, random = self.settings, torch.Generator().manual_seed(seed)
        dispersion = settings.dispersion if attempt.dispersion is None else attempt.dispersion
        objective = Objective(faces, self._recognisers, views=settings.views, jitter=settings.jitter, random=random)
        targets = self._targets(objective)
        others = rows_of(self._others, self._recognisers, objective.device)
        support = torch.stack(run([partial(support_of, face) for face in objective.appearance.clean]))
        meters = run([partial(PhotoMeter, face, self._mask.template, size=self._mask.size) for face in faces])
        weights = torch.tensor(
            [[own.get(name, 1.0) for name in self.names] for own in attempt.weights or [{}] * len(faces)]
        ).to(objective.device)
        learnt = torch.from_numpy(self._mask.values).to(objective.device)
        starts = [self._mask.refined(start).values for start in attempt.starts] or [self._mask.values] * len(faces)
        started = torch.from_numpy(np.stack(starts)).to(objective.device)
        unit = objective.appearance.fineness.clamp(max=1).view(-1, 1, 1, 1)  # a face may change by so many EPSILONs
        values = (started / unit).requires_grad_(True)
        optimiser = torch.optim.Adam([values], lr=settings.learning_rate, betas=_BETAS)
        prices = torch.tensor(_PRICES, device=objective.device).repeat(len(faces), 1)  # dual variables
        everyone = torch.arange(len(faces))
        looks = settings.looks_at_photo + 1
        calibrations = {round(look / looks * settings.steps) for look in range(1, looks)}

        for step in range(settings.steps):
            for group in optimiser.param_groups:
                group["lr"] = falling(settings.learning_rate, step / settings.steps)
            masks = (support * unit * values).detach()
            cost = partial(_chosen, prices)
            spent, costly = visibility_gradient(objective, masks, everyone, cost, self._budget, run)
            by = objective.draw(settings.surrogates)

            def loss(embeddings: Sequence[Tensor], by: Sequence[int] = by) -> Tensor:
                drawn = [targets[index] for index in by]
                score = mean_match_score(drawn, embeddings, everyone, weights=weights[:, list(by)])
                return score + dispersion * closeness(drawn, embeddings, [others[index] for index in by])

            pull = len(faces) * match_gradient(objective, masks, everyone, by, loss, run) + costly
            values.grad = support * unit * pull
            optimiser.step()
            with torch.no_grad():
                values.clamp_(-EPSILON, EPSILON)
                prices = (prices * (_RATE / settings.steps * (spent - SPENT)).exp()).clamp(1e-2, 1e2)
            if step + 1 in calibrations:
                self._calibrate(objective, meters, support * unit * values, run)
            tell(step + 1, settings.steps)
        changes = torch.zeros_like(values)
        if settings.steps:
            own = zip(meters, self._as_masks(support * unit * values), strict=True)
            fitted = run([partial(within_budget, *one, self._budget, tries=settings.tries) for one in own])
            changes = torch.from_numpy(np.stack([mask.values for mask in fitted])).to(learnt) - learnt
        steps = (changes / REFINEMENT_STEP).round().clamp(-_LARGEST, _LARGEST)
        with torch.no_grad():
            final = objective.plain_embeddings(learnt + REFINEMENT_STEP * steps)
        directions = {
            recogniser.record.name: target.directions(embedding).cpu().numpy()
            for recogniser, target, embedding in zip(self._recognisers, targets, final, strict=True)
        }
        return [
            Refined(levels, {name: rows[index] for name, rows in directions.items()})
            for index, levels in enumerate(steps.to(torch.int8).cpu().numpy())
        ]

    def _calibrate(self, objective: Objective, meters: Sequence[PhotoMeter], masks: Tensor, run: Run) -> None:
        """Correct how visible `objective` takes masks to be by what the photos show of them."""
        own = zip(meters, self._as_masks(masks), strict=True)
        seen = run([partial(meter.measure, mask) for meter, mask in own])
        with torch.no_grad():
            shares = objective.spent(masks, torch.arange(len(masks)), self._budget)
        for index, measured in enumerate(seen):
            objective.appearance.calibrate(index, shares[index], measured, self._budget)

    def _as_masks(self, values: Tensor) -> list[Mask]:
        return [Mask(own, self._mask.template, self._mask.epsilon) for own in values.detach().cpu().numpy()]

    def _targets(self, objective: Objective) -> list[TargetTemplates]:
        return [
            TargetTemplates.from_template(recogniser, self._templates[recogniser.record.name])
            if recogniser.record.name in self._templates
            else TargetTemplates.from_crops(recogniser, crops, one_person=False)
            for recogniser, crops in zip(self._recognisers, objective.clean(), strict=True)
        ]


def _chosen(prices: Tensor, _: Tensor, faces: Tensor) -> Tensor:
    return prices[faces]
