"""Averages of cosines of patches, as products of matrices: faster than a convolution and its pooling."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from guise.dpaf.networks.fixed_filters import averages


class PatchCosines(nn.Module):
    """Cosines of what waves make of patches, averaged over the cells of a grid.

    Args:
        filters: (waves, channels, side, side), of the patches.
        phases: (waves,).
        stride: pixels from a patch to the next.
        grid: cells along each side of the picture.
    """

    filters: Tensor
    phases: Tensor

    def __init__(self, filters: Tensor, phases: Tensor, *, stride: int, grid: int) -> None:
        super().__init__()
        self.side, self.stride, self.grid = filters.shape[-1], stride, grid
        self.register_buffer("filters", filters.flatten(1).T.contiguous(), persistent=False)
        self.register_buffer("phases", phases, persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """Averages (B, waves * grid**2), by wave.

        Args:
            images: (B, channels, size, size).
        """
        cells = averages((images.shape[-1] - self.side) // self.stride + 1, self.grid).to(images)
        means: Tensor = _PatchCosines.apply(images, self.filters, self.phases, cells.T, self.side, self.stride)
        return means.transpose(1, 2).flatten(1)


class _PatchCosines(torch.autograd.Function):
    """Means (B, cells, waves). `cells` is (cells, places): what each place counts for in each cell."""

    @staticmethod
    def forward(
        ctx: Any, images: Tensor, filters: Tensor, phases: Tensor, cells: Tensor, side: int, stride: int
    ) -> Tensor:
        windows = images.unfold(2, side, stride).unfold(3, side, stride).permute(0, 2, 3, 1, 4, 5)
        angles = torch.addmm(phases, windows.reshape(-1, len(filters)), filters)
        ctx.save_for_backward(angles, filters, cells)
        ctx.stride, ctx.images, ctx.windows = stride, images.shape, windows.shape
        return cells @ angles.cos().view(len(images), -1, len(phases))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None, None, None]:
        angles, filters, cells = ctx.saved_tensors
        of_cosines = (-cells.T @ gradients[0]).view_as(angles)
        of_windows = (angles.sin().mul_(of_cosines) @ filters.T).view(ctx.windows).permute(4, 5, 0, 3, 1, 2)
        of_images, along = angles.new_zeros(ctx.images), ctx.stride * (ctx.windows[1] - 1) + 1
        for row, of_row in enumerate(of_windows):
            for column, of_pixel in enumerate(of_row):
                of_images[:, :, row : row + along : ctx.stride, column : column + along : ctx.stride] += of_pixel
        return of_images, None, None, None, None, None
