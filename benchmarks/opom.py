"""A mask in the manner of OPOM, for comparison: one mask a person, away from the centre of their clean embeddings.

Source: Y. Zhong and W. Deng, "OPOM: Customized Invisible Cloak towards Face Privacy Protection", TPAMI 2022, the
variant with the class centre: signed steps with momentum, bounded by 8/255, no term for visibility. As in
`guise.chameleon.learning.paper`, landmarks register the mask, and each recogniser gets its own crop. The amplitude is
fitted to the budget.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch.nn import functional as F

from guise.chameleon.faces import geometry
from guise.chameleon.faces.crop import FaceCrop
from guise.chameleon.learning.crops import AlignedCrops
from guise.chameleon.mask.mask import Mask
from guise.models import Recogniser

SIDE, EPSILON, STEP, ITERATIONS, MOMENTUM = 112, 8 / 255, 1 / 255, 40, 1.0


def learn_mask(faces: Sequence[FaceCrop], recognisers: Sequence[Recogniser], *, seed: int = 0) -> Mask:
    """The mask for the person whose `faces` these are."""
    random = torch.Generator().manual_seed(seed)
    template, device = geometry.ARCFACE_TEMPLATE, next(recognisers[0].buffers()).device
    everyone = torch.arange(len(faces))
    all_crops = [
        AlignedCrops.prepare(faces, r.record, frame=template, count=1, jitter=0, random=random, device=device)
        for r in recognisers
    ]
    with torch.no_grad():
        centres = [
            F.normalize(r(crops.clean[:, 0]), dim=1).mean(0) for r, crops in zip(recognisers, all_crops, strict=True)
        ]
    mask = (STEP * (2 * torch.rand(1, 3, SIDE, SIDE, generator=random) - 1)).to(device)
    velocity = torch.zeros_like(mask)
    for _ in range(ITERATIONS):
        mask.requires_grad_(True)
        distance = torch.zeros((), device=device)
        for recogniser, crops, centre in zip(recognisers, all_crops, centres, strict=True):
            clean, grid = crops.draw(everyone, random)
            embeddings = F.normalize(recogniser((clean + geometry.sample(mask, grid)).clamp(0, 1)), dim=1)
            distance = distance + (embeddings - centre).square().sum(1).mean()
        (gradient,) = torch.autograd.grad(distance, mask)
        velocity = MOMENTUM * velocity + gradient / gradient.abs().mean().clamp(min=1e-12)
        mask = (mask.detach() + STEP * velocity.sign()).clamp(-EPSILON, EPSILON)
    return Mask(mask[0].cpu().numpy(), template, EPSILON)
