"""Vary crops as other software would: smaller versions, mirror images, other framing, other exposure, noise, occlusion.

What a mask owes to one exact rendering of a crop is lost on the next recogniser: variation inside the optimisation
carries over to recognisers, and survives processing, that the optimisation never saw (C. Xie et al., "Improving
Transferability of Adversarial Examples with Input Diversity", CVPR 2019).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

_RESIZED, _SMALLEST = 0.35, 0.4  # probability; least share of the side
_MIRRORED = 0.5
_CONTRAST, _BRIGHTNESS = 0.15, 0.05  # largest change
_NOISY, _NOISE = 0.3, 0.02  # probability; standard deviation
_FRAMED, _TURN, _SCALE, _SHIFT = 0.5, 0.125, 0.1, 0.03  # probability; radians; share; of the side, standard deviation
_HIDDEN = 0.3  # probability that a third by a third of each crop is covered


def vary(crops: Tensor, random: torch.Generator) -> Tensor:
    """One random variation of `crops`, float32 (N, 3, S, S) in [0, 1]; differentiable, same shape and range."""
    resized, smaller, mirrored, noisy, framed, hidden = torch.rand(6, generator=random).tolist()
    side = crops.shape[-1]
    if resized < _RESIZED:
        small = max(8, int(side * (_SMALLEST + (1 - _SMALLEST) * smaller)))
        crops = F.interpolate(crops, size=(small, small), mode="bilinear", antialias=True)
        crops = F.interpolate(crops, size=(side, side), mode="bilinear")
    if mirrored < _MIRRORED:
        crops = crops.flip(3)
    contrast, brightness = (2 * torch.rand(2, len(crops), 1, 1, 1, generator=random) - 1).to(crops.device)
    crops = crops * (1 + _CONTRAST * contrast) + _BRIGHTNESS * brightness
    if noisy < _NOISY:
        crops = crops + _NOISE * torch.randn(crops.shape, generator=random).to(crops.device)
    crops = crops.clamp(0, 1)
    if framed < _FRAMED:
        crops = _framed(crops, random)
    return _hidden(crops, random) if hidden < _HIDDEN else crops


def _framed(crops: Tensor, random: torch.Generator) -> Tensor:
    """Each turned, scaled and shifted a little, edges repeated."""
    turn, scale = (2 * torch.rand(2, len(crops), generator=random) - 1) * torch.tensor([[_TURN], [_SCALE]])
    cosine, sine = turn.cos() * (1 + scale), turn.sin() * (1 + scale)
    # In the coordinates of affine_grid the side is 2.
    across, along = 2 * _SHIFT * torch.randn(2, len(crops), generator=random)
    matrices = torch.stack([cosine, -sine, across, sine, cosine, along], dim=1).view(-1, 2, 3).to(crops)
    grid = F.affine_grid(matrices, list(crops.shape), align_corners=False)
    return F.grid_sample(crops, grid, padding_mode="border", align_corners=False)


def _hidden(crops: Tensor, random: torch.Generator) -> Tensor:
    """Each with a grey square somewhere, a third of the side wide."""
    side = crops.shape[-1]
    start = torch.randint(0, side - side // 3 + 1, (2, len(crops), 1), generator=random)
    inside = (torch.arange(side) >= start) & (torch.arange(side) < start + side // 3)
    covered = (inside[0][:, :, None] & inside[1][:, None, :])[:, None].to(crops.device)
    return crops.masked_fill(covered, 0.5)
