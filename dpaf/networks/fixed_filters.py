"""Fixed linear maps of images and feature maps, written for speed: a fitting step calls each of them many times."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_MOST_PLACES = 32**2  # beyond these, one matrix for all places is slower than torch's pooling
_ALTERNATING = (1 / 16, -4 / 16, 6 / 16, -4 / 16, 1 / 16)
_GAUSSIAN = tuple(
    math.exp(-(at**2) / 2) / sum(math.exp(-(each**2) / 2) for each in range(-2, 3)) for at in range(-2, 3)
)


class Smoothed(nn.Module):
    """`smoothed` as a layer."""

    def forward(self, maps: Tensor) -> Tensor:
        """As `smoothed`.

        Args:
            maps: (B, c, h, w).
        """
        return smoothed(maps)


def smoothed(images: Tensor) -> Tensor:
    """Images (B, c, h, w) under the kernel (1, 2, 1) / 4 along both axes, mirrored at the edges.

    What changes its sign from pixel to pixel becomes zero, what keeps to four pixels or more keeps half or more.

    Args:
        images: (B, c, h, w).
    """
    result: Tensor = _Smoothed.apply(images)
    return result


class _Smoothed(torch.autograd.Function):
    """Symmetric as a matrix, so its gradient is the same map."""

    @staticmethod
    def forward(ctx: Any, images: Tensor) -> Tensor:  # noqa: ARG004
        return _smoothed_along(_smoothed_along(images, 2), 3)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:  # noqa: ARG004
        return _smoothed_along(_smoothed_along(gradients[0], 2), 3)


def _smoothed_along(images: Tensor, axis: int) -> Tensor:
    count = images.shape[axis]
    sums = torch.empty_like(images)  # of both neighbours
    torch.add(images.narrow(axis, 0, count - 2), images.narrow(axis, 2, count - 2), out=sums.narrow(axis, 1, count - 2))
    for edge, inner in ((0, 1), (count - 1, count - 2)):
        torch.add(images.narrow(axis, edge, 1), images.narrow(axis, inner, 1), out=sums.narrow(axis, edge, 1))
    return sums.mul_(0.25).add_(images, alpha=0.5)


def without_checkerboard(images: Tensor) -> Tensor:
    """Images (B, c, side, side) without what alternates from pixel to pixel along both axes at once.

    A checkerboard becomes zero; stripes keep all. What alternates along one axis and takes four pixels along the other
    keeps three quarters.

    Args:
        images: (B, c, side, side), of three pixels or more along each side.
    """
    return images - _along_both(images, _ALTERNATING, 1)


def pooled(maps: Tensor, grid: int) -> Tensor:
    """As torch's `adaptive_avg_pool2d`, of square maps, but faster: averages (B, c, grid, grid).

    Args:
        maps: (B, c, side, side).
        grid: height and width of the result.
    """
    side = maps.shape[-1]
    if side**2 > _MOST_PLACES:
        return F.adaptive_avg_pool2d(maps, grid)
    result: Tensor = (maps.flatten(2) @ averages(side, grid).to(maps)).unflatten(2, (grid, grid))
    return result


@cache
def averages(side: int, grid: int) -> Tensor:
    """(side**2, grid**2): what each place counts for in each average of `pooled`.

    Args:
        side: of the maps.
        grid: height and width of what they are pooled to.
    """
    at, cell = torch.arange(side).unsqueeze(1), torch.arange(grid)
    inside = ((at >= cell * side // grid) & (at < -(-(cell + 1) * side // grid))).float()
    along = inside / inside.sum(0)
    return torch.einsum("ia,jb->ijab", along, along).reshape(side**2, grid**2)


def halved(maps: Tensor) -> Tensor:
    """Maps (B, c, half, half) of half the size, rounded up: blurred by a Gaussian of one pixel, mirrored at the edges.

    Args:
        maps: (B, c, side, side), of three pixels or more along each side.
    """
    return _along_both(maps, _GAUSSIAN, 2)


def _along_both(maps: Tensor, line: tuple[float, ...], step: int) -> Tensor:
    """Under the kernel that is the product of a line along both axes. Products of matrices: convolutions are slower."""
    matrix = _along(maps.shape[-1], line, step).to(maps)
    return matrix @ (maps @ matrix.T)


@cache
def _along(side: int, line: tuple[float, ...], step: int) -> Tensor:
    """(places, side): what the pixels of a row count for under a line at every `step`th one, mirrored at the edges."""
    pixels = F.pad(torch.eye(side).unsqueeze(1), (len(line) // 2,) * 2, mode="reflect")
    return F.conv1d(pixels, torch.tensor(line).view(1, 1, -1), stride=step).squeeze(1).T.contiguous()
