"""Fixed linear maps of images and feature maps, written for speed: a fitting step calls each of them many times."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_MOST_PLACES = 32**2  # beyond these, one matrix for all places is slower than torch's pooling


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
    """Images (B, c, h, w) without what alternates from pixel to pixel along both axes at once.

    A checkerboard becomes zero; stripes keep all. What alternates along one axis and takes four pixels along the other
    keeps three quarters.

    Args:
        images: (B, c, h, w), of three pixels or more along each axis.
    """
    line = torch.tensor([1.0, -4.0, 6.0, -4.0, 1.0]).to(images) / 16
    kernel = torch.outer(line, line).expand(images.shape[1], 1, -1, -1)
    return images - F.conv2d(F.pad(images, (2,) * 4, mode="reflect"), kernel, groups=images.shape[1])


def pooled(maps: Tensor, grid: int) -> Tensor:
    """As torch's `adaptive_avg_pool2d`, of square maps, but faster: averages (B, c, grid, grid).

    Args:
        maps: (B, c, side, side).
        grid: height and width of the result.
    """
    side = maps.shape[-1]
    if side**2 > _MOST_PLACES:
        return F.adaptive_avg_pool2d(maps, grid)
    result: Tensor = (maps.flatten(2) @ _averages(side, grid).to(maps)).unflatten(2, (grid, grid))
    return result


@cache
def _averages(side: int, grid: int) -> Tensor:
    """(side**2, grid**2): what each place counts for in each average."""
    at, cell = torch.arange(side).unsqueeze(1), torch.arange(grid)
    inside = ((at >= cell * side // grid) & (at < -(-(cell + 1) * side // grid))).float()
    along = inside / inside.sum(0)
    return torch.einsum("ia,jb->ijab", along, along).reshape(side**2, grid**2)
