"""The published P3-Mask procedure, for comparison: `protect --preset paper`.

Source: K.-H. Chow et al., "Personalized Privacy Protection Mask Against Unauthorized Facial Recognition", ECCV
2024, update, loss, lambda schedule and budget as released. Two defects of the release are not reproduced: swapped
axes of the face's box, and a margin of 30 pixels whatever the photo's resolution; the mask is registered by
landmarks instead. Where no crop of 112 x 112 suits a recogniser, it gets its own crop with the same mask on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from guise.chameleon.faces import geometry
from guise.chameleon.faces.crop import Portrait
from guise.chameleon.learning.views import Views, aligned
from guise.chameleon.mask.mask import Mask
from guise.chameleon.visibility.ssim import ssim
from guise.models import Recogniser

EPOCHS, BATCH = 50, 4
SIDE = 112
EPSILON = 16 / 255
STEP = 0.255 / 255
DISSIMILARITY = 0.030  # bound on (1 - SSIM) / 2


def next_lambda(weight: float, dissimilarity: float) -> float:
    """The weight of the visibility term for the next batch: doubled when over budget, halved when under."""
    if dissimilarity <= 0.9 * DISSIMILARITY:
        weight /= 2
    elif dissimilarity >= 1.1 * DISSIMILARITY:
        weight *= 2
    return weight if 1 / 129 <= weight <= 129 else 1.0


def update(mask: Tensor, gradient: Tensor) -> Tensor:
    """One signed step of descent, within the bound on each value."""
    return (mask - STEP * gradient.sign()).clamp(-EPSILON, EPSILON)


def angle(embeddings: Tensor, others: Tensor) -> Tensor:
    """Angles in radians between rows of two (N, D).

    The arc cosine has no usable gradient near 0, where every mask starts; this form of it has (W. Kahan, 2006).
    """
    a, b = F.normalize(embeddings, dim=1), F.normalize(others, dim=1)
    apart, along = ((v.square().sum(1) + 1e-14).sqrt() for v in (a - b, a + b))
    return 2 * torch.atan2(apart, along)


def learn_mask(
    portraits: Sequence[Portrait],
    recognisers: Sequence[Recogniser],
    *,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Mask:
    """The mask of the published procedure; arguments as of `guise.chameleon.learning.learn.learn_mask`."""
    random = torch.Generator().manual_seed(seed)
    device = next(recognisers[0].buffers()).device
    template = geometry.ARCFACE_TEMPLATE
    faces = aligned(portraits, template, size=SIDE).to(device)
    views = [
        Views.prepare(portraits, r.record, frame=template, count=1, jitter=0, random=random, device=device)
        for r in recognisers
    ]
    with torch.no_grad():
        originals = [
            torch.cat([r(part) for part in v.clean[:, 0].split(16)]) for r, v in zip(recognisers, views, strict=True)
        ]
    mask = (STEP * (2 * torch.rand(1, 3, SIDE, SIDE, generator=random) - 1)).to(device)
    weight = 1.0
    for epoch in range(EPOCHS):
        for batch in torch.randperm(len(portraits), generator=random).split(BATCH):
            mask.requires_grad_(True)
            similarity = ssim(faces[batch], (faces[batch] + mask).clamp(0, 1)).mean()
            dissimilarity = (1 - similarity) / 2
            loss = weight * (dissimilarity - DISSIMILARITY).clamp(min=0)
            for recogniser, view, original in zip(recognisers, views, originals, strict=True):
                clean, grid = view.draw(batch, random)
                masked = (clean + geometry.sample(mask, grid)).clamp(0, 1)
                loss = loss - angle(recogniser(masked), original[batch]).mean()
            (gradient,) = torch.autograd.grad(loss, mask)
            mask = update(mask.detach(), gradient)
            weight = next_lambda(weight, dissimilarity.item())
        if progress is not None:
            progress(epoch + 1, EPOCHS)
    return Mask(mask[0].cpu().numpy(), template, EPSILON)
