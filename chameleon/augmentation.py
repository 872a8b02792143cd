"""Vary crops as other software would: smaller versions, mirror images, other exposure, noise.

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


def vary(crops: Tensor, random: torch.Generator) -> Tensor:
    """One random variation of `crops`, float32 (N, 3, S, S) in [0, 1]; differentiable, same shape and range."""
    resized, smaller, mirrored, noisy = torch.rand(4, generator=random).tolist()
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
    return crops.clamp(0, 1)
