"""Training images: faces that are blended, bent, re-lit and spoilt.

A few thousand photos show too few people. Blended and bent faces show people who do not exist, and a teacher embeds
them like any other picture.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from guise.chameleon.faces import geometry
from scripts.training.faces import Faces

SIDE = 112
_SHIFT = 2
_TO_CANVAS = torch.from_numpy(geometry.align(geometry.ARCFACE_TEMPLATE, geometry.CANONICAL_TEMPLATE)).float()
_CENTRE = torch.tensor([55.9, 65.0])  # of the face in a crop, which turns and scales around it


def plain(faces: Faces) -> Tensor:
    """Faces aligned as recognisers take them: uint8 (N, 3, SIDE, SIDE)."""
    grid = geometry.sampling_grid(_TO_CANVAS[None], height=SIDE, width=SIDE)
    images = [
        geometry.sample(part.float(), grid.expand(len(part), -1, -1, -1), padding="border")
        for part in faces.pixels.split(256)
    ]
    return torch.cat(images).round().clamp(0, 255).byte()


def compose(faces: Faces, random: torch.Generator) -> Tensor:
    """One composite of each face: uint8 (N, 3, SIDE, SIDE)."""
    images = _blended(faces.pixels.float() / 255, random)
    images = _spoilt(_lit(_bent(images, random), random), random)
    return (255 * images.clamp(0, 1)).round().byte()


def _blended(images: Tensor, random: torch.Generator) -> Tensor:
    """A third left alone, a quarter mixed evenly with another face, the rest in soft patches of another face."""
    count = len(images)
    flipped = torch.rand(count, generator=random) < 0.5
    images = torch.where(flipped.view(-1, 1, 1, 1), images.flip(3), images)
    mates = images[torch.randperm(count, generator=random)]
    kind = torch.rand(count, generator=random).view(-1, 1, 1, 1)
    even = 0.5 * torch.rand(count, 1, 1, 1, generator=random)
    patches = torch.sigmoid(
        4 * _smooth(count, 1, int(torch.randint(2, 6, (), generator=random)), images.shape[2], random)
    )
    share = torch.where(kind < 0.35, torch.zeros(()), torch.where(kind < 0.6, even, patches))
    return images + share * (mates - images)


def _bent(images: Tensor, random: torch.Generator) -> Tensor:
    """Crops, framed as by another detector, half of them stretched unevenly."""
    count = len(images)
    turn = math.radians(4) * torch.randn(count, generator=random)
    scale = torch.exp(0.05 * torch.randn(count, generator=random))
    cosine, sine = turn.cos() * scale, turn.sin() * scale
    linear = torch.stack([torch.stack([cosine, -sine], 1), torch.stack([sine, cosine], 1)], 1) @ _TO_CANVAS[:, :2]
    centre = _TO_CANVAS[:, :2] @ _CENTRE + _TO_CANVAS[:, 2] + 2 * torch.randn(count, 2, generator=random)
    transforms = torch.cat([linear, (centre - linear @ _CENTRE)[:, :, None]], dim=2)
    grid = geometry.sampling_grid(transforms, height=SIDE, width=SIDE)
    stretched = (torch.rand(count, generator=random) < 0.5).float().view(-1, 1, 1, 1)
    field = 2 * _smooth(count, 2, 5, SIDE, random).permute(0, 2, 3, 1)
    return geometry.sample(images, grid + stretched * field, padding="border")


def _lit(images: Tensor, random: torch.Generator) -> Tensor:
    """Other exposure, contrast and white balance; a tenth without colour."""
    shape = (len(images), 1, 1, 1)
    grey = (torch.rand(shape, generator=random) < 0.1).float()
    images = images + grey * (images.mean(1, keepdim=True) - images)
    images = images.clamp(0, 1) ** torch.exp(0.25 * torch.randn(shape, generator=random))
    contrast = (1 + 0.2 * torch.randn(shape, generator=random)).clamp(0.5, 1.6)
    tint = 0.04 * torch.randn(len(images), 3, 1, 1, generator=random)
    return (images - 0.5) * contrast + 0.5 + 0.06 * torch.randn(shape, generator=random) + tint


def _spoilt(images: Tensor, random: torch.Generator) -> Tensor:
    """Some coarser, some with smooth or fine colour noise (what masks are made of), some partly hidden."""
    count, shape = len(images), (len(images), 1, 1, 1)
    coarse, coloured, noisy, hidden = torch.rand(4, count, generator=random)
    side = int(torch.randint(28, 84, (), generator=random))
    small = F.interpolate(images, size=(side, side), mode="bilinear", antialias=True)
    blurred = F.interpolate(small, size=(SIDE, SIDE), mode="bilinear")
    images = torch.where((coarse < 0.25).view(shape), blurred, images)
    noise = _smooth(count, 3, int(torch.randint(6, 40, (), generator=random)), SIDE, random)
    images = images + (coloured < 0.4).view(shape) * noise * 0.06 * torch.rand(shape, generator=random)
    fine = torch.randn(images.shape, generator=random) * 0.05 * torch.rand(shape, generator=random)
    images = images + (noisy < 0.3).view(shape) * fine
    for index in torch.nonzero(hidden < 0.15).flatten().tolist():
        height, width = torch.randint(12, 44, (2,), generator=random).tolist()
        top = int(torch.randint(SIDE - height, (), generator=random))
        left = int(torch.randint(SIDE - width, (), generator=random))
        images[index, :, top : top + height, left : left + width] = torch.rand(3, 1, 1, generator=random)
    return images


def _smooth(count: int, channels: int, knots: int, side: int, random: torch.Generator) -> Tensor:
    """Random smooth fields (count, channels, side, side), about standard normal at the knots."""
    return F.interpolate(
        torch.randn(count, channels, knots, knots, generator=random),
        size=(side, side),
        mode="bicubic",
        align_corners=True,
    )


def as_input(images: Tensor) -> Tensor:
    """uint8 (N, 3, SIDE, SIDE) as the students take them."""
    return ((images.float() - 127.5) / 128).contiguous(memory_format=torch.channels_last)


def varied(images: torch.Tensor, random: torch.Generator) -> torch.Tensor:
    """Mirrored, shifted and re-lit a little. The teachers' answers hardly change by this."""
    inputs = as_input(images.flip(3) if torch.rand((), generator=random) < 0.5 else images)
    down, right = torch.randint(-_SHIFT, _SHIFT + 1, (2,), generator=random).tolist()
    contrast, brightness = torch.randn(2, len(images), 1, 1, 1, generator=random)
    inputs = torch.roll(inputs, (down, right), (2, 3)) * (1 + 0.1 * contrast) + 0.05 * brightness
    if torch.rand((), generator=random) < 0.3:
        inputs = inputs + 0.03 * torch.randn(inputs.shape, generator=random)
    return inputs
