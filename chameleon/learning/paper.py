"""The published P3-Mask procedure, for comparison: `protect --preset paper`.

Source: K.-H. Chow et al., "Personalized Privacy Protection Mask Against Unauthorized Facial Recognition", ECCV 2024.
Update, loss, lambda schedule and budget are as released. Two defects of the release are not reproduced: the axes of the
face's box are swapped, and the margin is 30 pixels whatever the photo's resolution. Here the mask is registered by
landmarks. A recogniser that takes no crop of 112 x 112 gets its own crop, with the same mask on it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from guise.chameleon.faces import geometry
from guise.chameleon.faces.crop import FaceCrop
from guise.chameleon.learning.crops import AlignedCrops, aligned
from guise.chameleon.mask.mask import Mask
from guise.chameleon.visibility.ssim import ssim
from guise.models import Recogniser

EPOCHS, BATCH = 50, 4
SIDE = 112
EPSILON = 16 / 255
STEP = 0.255 / 255
DISSIMILARITY = 0.030  # bound on (1 - SSIM) / 2


def next_lambda(weight: float, dissimilarity: float) -> float:
    """Update the weight of the visibility term after a batch.

    Args:
        weight: the weight of this batch.
        dissimilarity: (1 - SSIM) / 2 of this batch.

    Returns:
        The weight of the next batch: doubled when this one was over the budget, halved when it was under, and 1 when
        that would leave [1 / 129, 129].
    """
    if dissimilarity <= 0.9 * DISSIMILARITY:
        weight /= 2
    elif dissimilarity >= 1.1 * DISSIMILARITY:
        weight *= 2
    return weight if 1 / 129 <= weight <= 129 else 1.0


def update(mask: Tensor, gradient: Tensor) -> Tensor:
    """Take one signed step of descent.

    Args:
        mask: float32, any shape.
        gradient: of the loss, of the same shape.

    Returns:
        The next mask, each value within EPSILON.
    """
    return (mask - STEP * gradient.sign()).clamp(-EPSILON, EPSILON)


def angle(embeddings: Tensor, others: Tensor) -> Tensor:
    """Compute angles between embeddings; differentiable.

    The arc cosine has no usable gradient near 0, where every mask starts; this form of it has (W. Kahan, 2006).

    Args:
        embeddings: float32 (N, D).
        others: float32 (N, D).

    Returns:
        float32 (N,), radians between row i of both.
    """
    a, b = F.normalize(embeddings, dim=1), F.normalize(others, dim=1)
    apart, along = ((v.square().sum(1) + 1e-14).sqrt() for v in (a - b, a + b))
    return 2 * torch.atan2(apart, along)


def learn_mask(
    faces: Sequence[FaceCrop],
    recognisers: Sequence[Recogniser],
    *,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Mask:
    """Learn the mask of the published procedure.

    Args:
        faces: the user's, one or more.
        recognisers: surrogates, all on one device.
        seed: of every random choice; the same seed gives the same mask on the same machine.
        progress: called with epochs done and epochs in all.

    Returns:
        The mask, in the frame of a 112 x 112 crop.
    """
    random = torch.Generator().manual_seed(seed)
    device = next(recognisers[0].buffers()).device
    template = geometry.ARCFACE_TEMPLATE
    squares = aligned(faces, template, size=SIDE).to(device)
    all_crops = [
        AlignedCrops.prepare(faces, r.record, frame=template, count=1, jitter=0, random=random, device=device)
        for r in recognisers
    ]
    with torch.no_grad():
        originals = [
            torch.cat([recogniser(part) for part in crops.clean[:, 0].split(16)])
            for recogniser, crops in zip(recognisers, all_crops, strict=True)
        ]
    mask = (STEP * (2 * torch.rand(1, 3, SIDE, SIDE, generator=random) - 1)).to(device)
    weight = 1.0
    for epoch in range(EPOCHS):
        for batch in torch.randperm(len(faces), generator=random).split(BATCH):
            mask.requires_grad_(True)
            structure = ssim(squares[batch], (squares[batch] + mask).clamp(0, 1)).mean()
            dissimilarity = (1 - structure) / 2
            loss = weight * (dissimilarity - DISSIMILARITY).clamp(min=0)
            for recogniser, crops, original in zip(recognisers, all_crops, originals, strict=True):
                clean, grid = crops.draw(batch, random)
                masked = (clean + geometry.sample(mask, grid)).clamp(0, 1)
                loss = loss - angle(recogniser(masked), original[batch]).mean()
            (gradient,) = torch.autograd.grad(loss, mask)
            mask = update(mask.detach(), gradient)
            weight = next_lambda(weight, dissimilarity.item())
        if progress is not None:
            progress(epoch + 1, EPOCHS)
    return Mask(mask[0].cpu().numpy(), template, EPSILON)
