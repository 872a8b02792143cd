"""Learn one mask across a user's photos: cross-image optimisation under a budget of visibility.

After P3-Mask (K.-H. Chow et al., ECCV 2024), with these changes: embeddings are pushed away from the user's identity,
in coordinates centred on the population, not only from the same photo; crops are jittered as another detector would
place them, and varied as on their way through other software; visibility is SSIM and FLIP on windows of the full-size
face, held at the budget by a dual variable; and each photo has the amplitude at which it will be protected.
`chameleon.paper` is the published procedure.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from chameleon import geometry
from chameleon.augmentation import vary
from chameleon.identity import Identity
from chameleon.mask import Mask
from chameleon.perception.budget import Budget
from chameleon.perception.flip import flip
from chameleon.perception.ssim import ssim
from chameleon.portrait import Portrait
from chameleon.support import face_support
from chameleon.views import Views, Windows
from models import Recogniser

EPSILON = 16 / 255
"""No channel of any pixel changes by more than this (the paper's bound)."""


@dataclass(frozen=True)
class LearningSettings:
    """How to optimise; the defaults are those of `protect`.

    Attributes:
        steps: updates of the mask.
        batch: photos in an update.
        views: jittered crops prepared for each photo and recogniser.
        jitter: standard deviation of the landmarks' error in the crops, in units of the distance between the eyes.
        windows: windows of faces on which an update measures visibility.
        learning_rate: of Adam, in the mask's units, falling to nearly 0 along a cosine.
    """

    steps: int = 500
    batch: int = 12
    views: int = 8
    jitter: float = 0.045
    windows: int = 4
    learning_rate: float = 1 / 255


def learn_mask(
    portraits: Sequence[Portrait],
    recognisers: Sequence[Recogniser],
    *,
    budget: Budget,
    one_person: bool = True,
    settings: LearningSettings | None = None,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Mask:
    """The mask that takes a user's faces furthest from who they are, within the budget.

    Args:
        portraits: the user's faces, one or more; more than eight make a mask that carries over to new photos.
        recognisers: surrogates, all on one device.
        budget: how visible the mask may be, on average over the photos.
        one_person: all faces are the user's; else each is taken away from itself only.
        seed: of every random choice; the same seed gives the same mask on the same machine.
        progress: called with updates done and updates in all.
    """
    settings = settings or LearningSettings()
    random = torch.Generator().manual_seed(seed)
    device = next(recognisers[0].buffers()).device
    views = [
        Views.prepare(
            portraits,
            recogniser.record,
            frame=geometry.CANONICAL_TEMPLATE,
            count=settings.views,
            jitter=settings.jitter,
            random=random,
            device=device,
        )
        for recogniser in recognisers
    ]
    identities = [Identity.of(r, v.clean[:, 0], one_person=one_person) for r, v in zip(recognisers, views, strict=True)]
    windows = Windows(portraits, device=device)
    support = face_support().to(device)
    noise = torch.rand(1, 3, geometry.CANVAS, geometry.CANVAS, generator=random)
    mask = (4 / 255 * (noise - 0.5)).to(device).requires_grad_(True)
    optimiser = torch.optim.Adam([mask], lr=settings.learning_rate, betas=(0.9, 0.99))
    scales = torch.zeros(len(portraits), device=device)  # logarithms of the photos' amplitudes
    price = 1.0  # of visibility: the dual variable

    for step in range(settings.steps):
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * (0.51 + 0.49 * math.cos(math.pi * step / settings.steps))
        perturbation = mask * support
        chosen = torch.randperm(len(portraits), generator=random)[: settings.batch]
        loss = _likeness(perturbation, recognisers, views, identities, chosen, scales, random)
        watched = chosen[: settings.windows]
        spent = _spent(perturbation, windows, watched, scales, budget, random)
        (loss + price * spent.mean()).backward()
        optimiser.step()
        optimiser.zero_grad()
        with torch.no_grad():
            mask.clamp_(-EPSILON, EPSILON)
            price = min(max(price * math.exp(0.1 * (float(spent.mean()) - 1)), 1e-2), 1e2)
            scales[watched] -= 0.1 * spent.detach().log().clamp(-1, 1)
            scales = (scales - scales.mean()).clamp(-0.7, 0.7)
        if progress is not None:
            progress(step + 1, settings.steps)
    values = (mask * support).detach()[0].cpu().numpy()
    return Mask(values, geometry.CANONICAL_TEMPLATE, EPSILON)


def half_precision(device: torch.device) -> torch.autocast:
    """bfloat16 inside networks where the hardware multiplies it: on such CPUs two to three times faster."""
    fast = device.type == "cuda" or torch.cpu.get_capabilities().get("avx512_bf16", False)
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=fast)


def _likeness(
    perturbation: Tensor,
    recognisers: Sequence[Recogniser],
    views: Sequence[Views],
    identities: Sequence[Identity],
    chosen: Tensor,
    scales: Tensor,
    random: torch.Generator,
) -> Tensor:
    """How much the masked photos still look like the user, on average over recognisers."""
    amplitudes = scales[chosen].exp().view(-1, 1, 1, 1)
    losses = []
    for recogniser, view, identity in zip(recognisers, views, identities, strict=True):
        clean, grid = view.draw(chosen, random)
        masked = (clean + amplitudes * geometry.sample(perturbation, grid)).clamp(0, 1)
        with half_precision(masked.device):
            embeddings = recogniser(vary(masked, random))
        losses.append(identity.likeness(embeddings.float(), chosen))
    return torch.stack(losses).mean()


def _spent(
    perturbation: Tensor,
    windows: Windows,
    chosen: Tensor,
    scales: Tensor,
    budget: Budget,
    random: torch.Generator,
) -> Tensor:
    """Share of the budget that each chosen photo uses up: (N,)."""
    clean, grid = windows.draw(chosen, random)
    amplitudes = scales[chosen].exp().view(-1, 1, 1, 1)
    masked = (clean + amplitudes * geometry.sample(perturbation, grid)).clamp(0, 1)
    return torch.maximum((1 - ssim(clean, masked)) / (1 - budget.ssim), flip(clean, masked) / budget.flip)
