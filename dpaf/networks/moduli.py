"""Moduli of complex filters on single planes, as one product of matrices.

A window of a few rows, cut where a tile of places needs it, times a matrix that holds the filters in bands, is the
filters' convolution with the whole tile. It multiplies many zeros and, gradient included, is still two to three times
as fast as torch's convolution of one plane with a few filters.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

_TILE = 16  # places along a row, at most


class Moduli(nn.Module):
    """Moduli of filters' answers at each place of a plane, mirrored at the edges.

    Args:
        filters: (2 n, 1, width, width), width odd: real parts first, then imaginary ones.
        side: height and width of the planes.
    """

    bands: Tensor

    def __init__(self, filters: Tensor, side: int) -> None:
        super().__init__()
        self.width = filters.shape[-1]
        tile = max(tile for tile in range(1, _TILE + 1) if side % tile == 0)
        self.register_buffer("bands", _bands(filters[:, 0], tile), persistent=False)

    def forward(self, planes: Tensor) -> Tensor:
        """Moduli (B, n, side, side), above 0, so that gradients stay finite.

        Args:
            planes: (B, side, side).
        """
        padded = F.pad(planes.unsqueeze(1), (self.width // 2,) * 4, mode="reflect").squeeze(1)
        moduli: Tensor = _Moduli.apply(padded, self.bands)
        return moduli


class _Moduli(torch.autograd.Function):
    """Of mirrored planes. Windows are (B, height, tiles, rows, columns), waves (B, height, tiles, 2, n, tile).

    In float32: in bfloat16 a record's features would depend on how many records are multiplied with it.
    """

    @staticmethod
    def forward(ctx: Any, planes: Tensor, bands: Tensor) -> Tensor:
        rows, columns, *_, tile = bands.shape
        windows = planes.unfold(1, rows, 1).unfold(2, columns, tile)
        places = windows.shape[:3]
        products = windows.reshape(-1, rows * columns) @ bands.view(rows * columns, -1)
        waves = products.view(*places, *bands.shape[2:])
        real, imaginary = waves.unbind(3)
        modulus = real.square().addcmul_(imaginary, imaginary).add_(1e-8).sqrt_()
        ctx.save_for_backward(waves, modulus, bands)
        ctx.shape = planes.shape
        return modulus.permute(0, 3, 1, 2, 4).flatten(3)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        waves, modulus, bands = ctx.saved_tensors
        rows, columns, *_, tile = bands.shape
        height, tiles = modulus.shape[1:3]
        of_moduli = gradients[0].unflatten(3, (tiles, tile)).permute(0, 2, 3, 1, 4)
        of_waves = waves * (of_moduli / modulus).unsqueeze(3)
        bands = bands.view(rows * columns, -1)
        of_windows = (of_waves.reshape(-1, bands.shape[1]) @ bands.T).view(-1, height, tiles, rows, columns)
        of_planes = modulus.new_zeros(ctx.shape)
        for at in range(tiles):
            for row in range(rows):
                of_planes[:, row : row + height, at * tile : at * tile + columns] += of_windows[:, :, at, row]
        return of_planes, None


def _bands(filters: Tensor, tile: int) -> Tensor:
    """(rows, columns, 2, n, tile): what each place of a window counts for in the filters' answers at a tile's places.

    Args:
        filters: (2 n, width, width).
        tile: places.
    """
    count, width, _ = filters.shape
    bands = filters.new_zeros(width, tile + width - 1, count, tile)
    for at in range(tile):
        bands[:, at : at + width, :, at] = filters.permute(1, 2, 0)
    return bands.view(width, -1, 2, count // 2, tile)
