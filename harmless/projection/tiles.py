"""Convolutions of several strides whose windows fall into separate tiles together: one SVD for each kind of tile."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from guise.harmless.operators.base import LinearOperator
from guise.harmless.operators.combining import Stacked
from guise.harmless.operators.convolution import Convolution
from guise.harmless.operators.geometry import Axis
from guise.harmless.operators.kernels import ungrouped
from guise.harmless.projection.base import cutoff, off_basis, row_basis

_MOST_WORK = 2**35
"""Multiplications of all decompositions together: half a minute."""
_MOST_ENTRIES = 2**24
"""Of the matrix of one tile."""


@dataclass(frozen=True)
class Stretches:
    """Stretches of an axis that look alike to all windows, and share no window with the rest of the axis.

    Attributes:
        positions: int64 (stretches, length of one).
        taps: of each convolution, float64 (outputs in a stretch, kernel, length of one): 1 where a tap reads.
    """

    positions: Tensor
    taps: tuple[Tensor, ...]


def convolutions(operator: LinearOperator) -> list[Convolution]:
    """The convolutions over photos that an operator consists of.

    Args:
        operator: any.

    Returns:
        All of them; none where the operator consists of other things too.
    """
    parts = operator.parts if isinstance(operator, Stacked) else (operator,)
    known = [part for part in parts if isinstance(part, Convolution) and len(part.input_shape) == 3]
    return known if len(known) == len(parts) else []


def tiled(operator: LinearOperator) -> bool:
    """Whether `Tiles` can take it.

    Args:
        operator: any.

    Returns:
        True for several convolutions whose windows fall into tiles that are small enough to decompose.
    """
    parts = convolutions(operator)
    if len(parts) < 2:
        return False
    work = 0
    for down, across in itertools.product(*(_stretches(parts, axis) for axis in (0, 1))):
        n = parts[0].input_shape[0] * down.positions.shape[1] * across.positions.shape[1]
        m = sum(
            len(part.weight) * len(top) * len(left)
            for part, top, left in zip(parts, down.taps, across.taps, strict=True)
        )
        work += min(n, m) * n * m
        if n * m > _MOST_ENTRIES or work > _MOST_WORK:
            return False
    return True


class Tiles:
    """Projection tile by tile.

    Args:
        operator: one that `tiled` tells of.
    """

    def __init__(self, operator: LinearOperator) -> None:
        self.operator = operator
        parts = convolutions(operator)
        self._parts: list[tuple[Tensor, Tensor, Tensor]] = []
        """Rows and columns of each kind of tile, and the basis of what is read of it."""
        values, self.rank = [torch.zeros(0, dtype=torch.float64)], 0
        for down, across in itertools.product(*(_stretches(parts, axis) for axis in (0, 1))):
            block = tile_matrix(parts, down.taps, across.taps).flatten(1)
            if not len(block):  # rows that one convolution reads, columns that another does
                continue
            sizes, basis = row_basis(block)
            copies = len(down.positions) * len(across.positions)
            self.rank += int((sizes > cutoff(float(sizes.max()), *block.shape)).sum()) * copies
            values.append(sizes.repeat(copies))
            self._parts.append((down.positions, across.positions, basis))
        self.singular_values = torch.cat(values).sort(descending=True).values
        self.method = f"one SVD for each of {len(self._parts)} kinds of tiles"

    def null(self, v: Tensor) -> Tensor:
        """See `Projector.null`."""
        null = v.clone()
        for rows, columns, basis in self._parts:
            places = rows[:, :, None, None], columns
            blocks = v[:, :, *places].permute(0, 2, 4, 1, 3, 5)  # N, down, across, C, h, w
            left = off_basis(blocks.flatten(3).flatten(1, 2), basis.to(v)).view(blocks.shape)
            null[:, :, *places] = left.permute(0, 3, 1, 4, 2, 5)
        return null


def tile_matrix(parts: Sequence[Convolution], down: Sequence[Tensor], across: Sequence[Tensor]) -> Tensor:
    """What convolutions make of one tile, written out.

    Args:
        parts: the convolutions.
        down: of each, 1 where a tap of an output reads a row of the tile: (outputs, kernel, rows).
        across: the same for columns.

    Returns:
        float64 (outputs of all, C_in, rows, columns).
    """
    matrices = []
    for part, top, left in zip(parts, down, across, strict=True):
        narrow = torch.einsum("oikl,blx->oikbx", ungrouped(part), left)
        matrices.append(torch.einsum("oikbx,aky->oabiyx", narrow, top).flatten(0, 2))
    return torch.cat(matrices)


def taps(axis: Axis) -> Tensor:
    """The position that each tap of each output reads.

    Args:
        axis: of a convolution.

    Returns:
        int64 (outputs, kernel); -1 where it reads a zero of the padding.
    """
    places = axis.stride * torch.arange(axis.outputs)[:, None] + axis.dilation * torch.arange(axis.kernel)
    return axis.sources()[places]


def _stretches(parts: Sequence[Convolution], which: int) -> list[Stretches]:
    """All stretches of one axis that some window reads, those that look alike together."""
    read_by = [taps(part.axes[which]) for part in parts]
    alike: dict[bytes, list[tuple[Tensor, tuple[Tensor, ...]]]] = {}
    for positions in _components(read_by, parts[0].axes[which].length):
        inside = [read[(read[:, :, None] == positions).any((1, 2))] for read in read_by]
        shown = tuple((read[:, :, None] == positions).double() for read in inside)
        key = b"|".join(bytes(str(tuple(one.shape)), "ascii") + one.numpy().tobytes() for one in shown)
        alike.setdefault(key, []).append((positions, shown))
    return [Stretches(torch.stack([positions for positions, _ in same]), same[0][1]) for same in alike.values()]


def _components(read_by: Sequence[Tensor], length: int) -> list[Tensor]:
    """Positions that windows connect, in groups that no window connects; what nothing reads is left out."""
    group = torch.arange(length)
    read = torch.zeros(length, dtype=torch.bool)
    windows = [row[row >= 0] for each in read_by for row in each]
    for window in windows:
        read[window] = True
    changed = True
    while changed:
        changed = False
        for window in windows:
            if len(window) and bool((group[window] != (least := group[window].min())).any()):
                group[window], changed = least, True
    return [((group == name) & read).nonzero().flatten() for name in group[read].unique()]
