"""Learn one mask across a user's photos: cross-image optimisation under a budget of visibility.

It follows P3-Mask (K.-H. Chow et al., ECCV 2024), with these changes. Embeddings are pushed away from the user's face
template, in coordinates centred on the population, not only from the same photo. Crops are jittered as another detector
would place them, and varied as other software would vary them. A dual variable holds visibility at the budget. Each
photo has the amplitude at which it will be protected.
`guise.chameleon.learning.paper` is the published procedure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from guise.chameleon.faces import geometry
from guise.chameleon.faces.crop import FaceCrop
from guise.chameleon.learning.objective import Objective, mean_match_score
from guise.chameleon.learning.pulling import match_gradient, visibility_gradient
from guise.chameleon.learning.targets import TargetTemplates
from guise.chameleon.mask.mask import Mask
from guise.chameleon.mask.support import face_support
from guise.chameleon.visibility.budget import Budget
from guise.models import Recogniser
from guise.models.cores import Run, all_cores

EPSILON = 24 / 255
"""No channel of any pixel changes by more than this, which is half as much again as the paper allows.

The budget bounds what the change looks like.
"""


@dataclass(frozen=True)
class LearningSettings:
    """How to optimise; the defaults are those of `protect`.

    Attributes:
        steps: updates of the mask.
        batch: photos in an update.
        views: jittered crops prepared for each photo and recogniser.
        jitter: standard deviation of the landmarks' error in the crops, in units of the distance between the eyes.
        watched: photos on which an update measures visibility.
        learning_rate: of Adam, in the mask's units; it falls to nearly 0 along a cosine.
        surrogates: drawn for each update.
    """

    steps: int = 12
    batch: int = 12
    views: int = 8
    jitter: float = 0.02
    watched: int = 4
    learning_rate: float = 1 / 255
    surrogates: int = 2


def learn_mask(
    faces: Sequence[FaceCrop],
    recognisers: Sequence[Recogniser],
    *,
    budget: Budget,
    one_person: bool = True,
    settings: LearningSettings | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Mask:
    """Learn the mask that takes a user's faces furthest from their face template, within the budget.

    Args:
        faces: the user's, one or more; more than eight make a mask that carries over to new photos.
        recognisers: surrogates, all on one device.
        budget: how visible the mask may be, on average over the photos.
        one_person: whether all faces are the user's; else each is taken away from itself only.
        settings: how to optimise; None means the defaults.
        seed: of every random choice; the same seed gives the same mask on the same machine.
        progress: called with updates done and updates in all.

    Returns:
        The mask, in the canonical frame.
    """
    with all_cores() as run:
        return _learn(faces, recognisers, budget, one_person, settings or LearningSettings(), seed, progress, run)


def _learn(
    faces: Sequence[FaceCrop],
    recognisers: Sequence[Recogniser],
    budget: Budget,
    one_person: bool,
    settings: LearningSettings,
    seed: int,
    progress: Callable[[int, int], None] | None,
    run: Run,
) -> Mask:
    random = torch.Generator().manual_seed(seed)
    objective = Objective(faces, recognisers, views=settings.views, jitter=settings.jitter, random=random)
    clean, device = objective.clean(), objective.device
    targets = [
        TargetTemplates.from_crops(recogniser, crops, one_person=one_person)
        for recogniser, crops in zip(recognisers, clean, strict=True)
    ]
    support = face_support().to(device)
    noise = torch.rand(1, 3, geometry.CANVAS, geometry.CANVAS, generator=random)
    mask = (4 / 255 * (noise - 0.5)).to(device).requires_grad_(True)
    optimiser = torch.optim.Adam([mask], lr=settings.learning_rate, betas=(0.9, 0.99))
    scales = torch.zeros(len(faces), device=device)  # logarithms of the photos' amplitudes
    price = 1.0  # of visibility: the dual variable

    for step in range(settings.steps):
        for group in optimiser.param_groups:
            group["lr"] = falling(settings.learning_rate, step / settings.steps)
        placed = scales.exp().view(-1, 1, 1, 1) * support
        perturbations = (placed * mask).detach()
        chosen = torch.randperm(len(faces), generator=random)[: settings.batch]
        by = objective.draw(settings.surrogates)
        watched = chosen[: settings.watched]

        def cost(spent: Tensor, _: Tensor, each: float = price / len(watched)) -> Tensor:
            return each * F.one_hot(spent.argmax(1), spent.shape[1]).to(spent)

        shares, pull = visibility_gradient(objective, perturbations, watched, cost, budget, run)
        costly, spent = (placed * pull).sum(0, keepdim=True), shares.amax(1)

        def loss(embeddings: Sequence[Tensor], by: Sequence[int] = by, chosen: Tensor = chosen) -> Tensor:
            return mean_match_score([targets[index] for index in by], embeddings, chosen)

        pull = match_gradient(objective, perturbations, chosen, by, loss, run)
        mask.grad = (placed * pull).sum(0, keepdim=True) + costly
        optimiser.step()
        with torch.no_grad():
            mask.clamp_(-EPSILON, EPSILON)
            price = min(max(price * math.exp(0.1 * (float(spent.mean()) - 1)), 1e-2), 1e2)
            scales[watched] -= 0.1 * spent.log().clamp(-1, 1)
            scales = (scales - scales.mean()).clamp(-0.7, 0.7)
        if progress is not None:
            progress(step + 1, settings.steps)
    values = (mask * support).detach()[0].cpu().numpy()
    return Mask(values, geometry.CANONICAL_TEMPLATE, EPSILON)


def falling(learning_rate: float, progress: float) -> float:
    """Lower a learning rate along half a cosine.

    Args:
        learning_rate: at the start.
        progress: share of the updates that are done, in [0, 1].

    Returns:
        The learning rate of the next update; nearly 0 at the end.
    """
    return learning_rate * (0.51 + 0.49 * math.cos(math.pi * progress))
