"""Vary crops as other software would: size, mirroring, exposure, noise, framing, occlusion, blur, JPEG.

A mask that fits one exact rendering of a crop fails on the next recogniser. A mask that was learnt under variation
carries over to recognisers, and survives processing, that the optimisation never saw (C. Xie et al., "Improving
Transferability of Adversarial Examples with Input Diversity", CVPR 2019).
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torchvision.transforms.functional import gaussian_blur

from guise.chameleon.transforms import recompressed


def vary(crops: Tensor, random: torch.Generator) -> Tensor:
    """Vary crops at random; differentiable.

    Args:
        crops: float32 (N, 3, S, S) in [0, 1].
        random: source of every random choice, on the CPU.

    Returns:
        float32 (N, 3, S, S) in [0, 1].
    """
    for chance, change in _CHANGES:
        if float(torch.rand((), generator=random)) < chance:
            crops = change(crops, random).clamp(0, 1)
    return crops


def _shrunk(crops: Tensor, random: torch.Generator) -> Tensor:
    """All are shrunk to 0.4 to 1 of their size, and enlarged again."""
    side = crops.shape[-1]
    small = max(8, int(side * (0.4 + 0.6 * float(torch.rand((), generator=random)))))
    crops = F.interpolate(crops, size=(small, small), mode="bilinear", antialias=True)
    return F.interpolate(crops, size=(side, side), mode="bilinear")


def _mirrored(crops: Tensor, _: torch.Generator) -> Tensor:
    return crops.flip(3)


def _lit(crops: Tensor, random: torch.Generator) -> Tensor:
    """Each gets another contrast and brightness."""
    contrast, brightness = (2 * torch.rand(2, len(crops), 1, 1, 1, generator=random) - 1).to(crops)
    relit: Tensor = crops * (1 + 0.15 * contrast) + 0.05 * brightness
    return relit


def _noisy(crops: Tensor, random: torch.Generator) -> Tensor:
    return crops + 0.02 * torch.randn(crops.shape, generator=random).to(crops)


def _framed(crops: Tensor, random: torch.Generator) -> Tensor:
    """Each is turned by up to 7 degrees, scaled by up to a tenth and shifted a little; edges are repeated."""
    turn, scale = (2 * torch.rand(2, len(crops), generator=random) - 1) * torch.tensor([[0.125], [0.1]])
    cosine, sine = turn.cos() * (1 + scale), turn.sin() * (1 + scale)
    across, along = 0.06 * torch.randn(2, len(crops), generator=random)  # affine_grid's unit is half a side
    matrices = torch.stack([cosine, -sine, across, sine, cosine, along], dim=1).view(-1, 2, 3).to(crops)
    grid = F.affine_grid(matrices, list(crops.shape), align_corners=False)
    return F.grid_sample(crops, grid, padding_mode="border", align_corners=False)


def _hidden(crops: Tensor, random: torch.Generator) -> Tensor:
    """Each gets a grey square somewhere, a third of the side wide."""
    side = crops.shape[-1]
    start = torch.randint(0, side - side // 3 + 1, (2, len(crops), 1), generator=random)
    inside = (torch.arange(side) >= start) & (torch.arange(side) < start + side // 3)
    covered = (inside[0][:, :, None] & inside[1][:, None, :])[:, None].to(crops.device)
    return crops.masked_fill(covered, 0.5)


def _blurred(crops: Tensor, random: torch.Generator) -> Tensor:
    """All are blurred by a Gaussian with a standard deviation of 0.4 to 1.3 pixels."""
    blurred: Tensor = gaussian_blur(crops, [7, 7], [0.4 + 0.9 * float(torch.rand((), generator=random))])
    return blurred


def _compressed(crops: Tensor, random: torch.Generator) -> Tensor:
    """Each is saved as JPEG, of a quality from 35 to 90, and read again; gradients pass straight through."""
    qualities = torch.randint(35, 91, (len(crops),), generator=random).tolist()
    levels = (255 * crops.detach()).round().byte().permute(0, 2, 3, 1).cpu().numpy()
    saved = [
        recompressed(crop, format="JPEG", quality=quality) for crop, quality in zip(levels, qualities, strict=True)
    ]
    read = torch.from_numpy(np.stack(saved)).permute(0, 3, 1, 2).to(crops) / 255
    return crops + (read - crops.detach())


_CHANGES = (  # probability, change
    (0.5, _shrunk),
    (0.5, _mirrored),
    (1.0, _lit),
    (0.2, _noisy),
    (0.25, _framed),
    (0.1, _hidden),
    (0.8, _blurred),
    (0.9, _compressed),
)
"""Most of them take fine detail away. A mask learnt so loses nothing in the files as saved, and survives JPEG and blur
best."""
