"""Convolutions of any strides, alone or several together, gone through cell by cell: full ranks without a spectrum.

A cell holds windows that end in one stretch of the photo. If the windows of each cell are independent on the pixels
that no cell before has read, then A is block triangular, and all measurements are independent. If they tell these
pixels apart, then all pixels that are read are told apart. Cells that look alike are looked at once, so that the size
of the photo does not matter.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from guise.harmless.operators.base import LinearOperator, columns, rows
from guise.harmless.operators.convolution import Convolution
from guise.harmless.operators.geometry import Axis
from guise.harmless.projection.base import cutoff
from guise.harmless.projection.tiles import convolutions, taps, tile_matrix

_SIZES = (1, 2, 3, 4, 6, 9)
"""Of the cell at the border, in periods of the strides: there some windows need others to be told apart."""
_MOST_WORK = 2**37
"""Multiplications for one such size: some ten seconds."""
_SMALL = 512
"""Up to here singular values are cheap."""
_SURE = 1e-11
"""Relative to the largest square of a singular value: what is above it is not zero."""


@dataclass(frozen=True)
class _Cell:
    """What the windows of a cell read along one axis, from its first position to its last, by convolution.

    Attributes:
        taps: float64 (outputs, kernel, positions): 1 where a tap reads.
        now: bool (positions,): whether the cell reads it.
        before: whether a cell before does.
        ever: whether any cell does.
    """

    taps: tuple[Tensor, ...]
    now: tuple[Tensor, ...]
    before: tuple[Tensor, ...]
    ever: tuple[Tensor, ...]

    @property
    def key(self) -> bytes:
        """Equal for cells that look alike."""
        tensors = itertools.chain(self.taps, self.now, self.before, self.ever)
        return b"|".join(str(tuple(each.shape)).encode() + each.numpy().tobytes() for each in tensors)


def independent(operator: LinearOperator) -> bool:
    """Whether all measurements of convolutions are seen to be independent: then the rank is m.

    Args:
        operator: any.

    Returns:
        True only if they are; False where no order of the windows that is tried shows it.
    """
    return rows(operator) <= columns(operator) and _shown(operator, wide=True)


def tells_apart(operator: LinearOperator) -> bool:
    """Whether convolutions are seen to lose nothing of what they read.

    Args:
        operator: any.

    Returns:
        True only if they lose nothing; False where no order of the windows that is tried shows it.
    """
    few = 2 * rows(operator) < columns(operator)  # more may be unread, but then it is not worth while
    return not few and _shown(operator, wide=False)


def _shown(operator: LinearOperator, *, wide: bool) -> bool:
    parts = convolutions(operator)
    if not parts or any(axis.mode != "zeros" for part in parts for axis in part.axes):
        return False
    for size in _SIZES:
        down, across = ([_cells(parts, axis, size, turned, wide) for turned in (False, True)] for axis in (0, 1))
        if any(_all_sound(parts, *kinds, wide) for kinds in itertools.product(down, across)):
            return True
    return False


def _all_sound(parts: Sequence[Convolution], tall: Sequence[_Cell], broad: Sequence[_Cell], wide: bool) -> bool:
    """Whether every cell's windows are independent on its new pixels, or tell these apart."""
    pairs = [(down, across, _new(down, across)) for down, across in itertools.product(tall, broad)]
    work = 0
    for down, across, new in pairs:
        m = sum(
            len(part.weight) * len(top) * len(left)
            for part, top, left in zip(parts, down.taps, across.taps, strict=True)
        )
        n = parts[0].input_shape[0] * int(new.sum())
        work += min(m, n) * m * n
        if (m if wide else n) > (n if wide else m):
            return False
    return work <= _MOST_WORK and all(_full(parts, *pair) for pair in pairs)


def _new(down: _Cell, across: _Cell) -> Tensor:
    """What no cell before has read of a cell: bool (rows, columns)."""
    new = torch.zeros(len(down.now[0]), len(across.now[0]), dtype=torch.bool)
    for tall, broad in zip(down.now, across.now, strict=True):
        new |= tall[:, None] & broad
    for index in range(len(down.now)):
        new &= ~(down.before[index][:, None] & across.ever[index])
        new &= ~(down.now[index][:, None] & across.before[index])
    return new


def _full(parts: Sequence[Convolution], down: _Cell, across: _Cell, new: Tensor) -> bool:
    """Whether the windows of a cell have full rank on its new pixels."""
    matrix = tile_matrix(parts, down.taps, across.taps)[..., new].flatten(1)
    m, n = matrix.shape
    if min(m, n) > _SMALL:
        gram = matrix @ matrix.T if m <= n else matrix.T @ matrix
        gram.diagonal().sub_(_SURE * float(gram.norm()))
        return not int(torch.linalg.cholesky_ex(gram)[1])
    if not min(m, n):
        return True
    values = torch.linalg.svdvals(matrix)
    return float(values[-1]) > cutoff(float(values[0]), m, n)


def _cells(parts: Sequence[Convolution], which: int, size: int, turned: bool, wide: bool) -> list[_Cell]:
    """The cells of one axis, in the order in which the photo is gone through; those that look alike once."""
    axes = [part.axes[which] for part in parts]
    length = axes[0].length
    reads = [_turned(taps(axis), length) if turned else taps(axis) for axis in axes]
    ever = [_read(read, length) for read in reads]
    before = [torch.zeros(length, dtype=torch.bool) for _ in reads]
    cells: dict[bytes, _Cell] = {}
    for chosen in _numbered(axes, length, size, turned, wide):
        here = [read[own] for read, own in zip(reads, chosen, strict=True)]
        now = [_read(read, length) for read in here]
        seen = torch.stack(now).any(0).nonzero().flatten().tolist()
        span = slice(seen[0], seen[-1] + 1) if seen else slice(0, 0)  # windows in the padding alone read nothing
        shown = tuple((read[:, :, None] == torch.arange(span.start, span.stop)).double() for read in here)
        cell = _Cell(shown, *(tuple(each[span].clone() for each in kind) for kind in (now, before, ever)))
        cells.setdefault(cell.key, cell)
        before = [old | new for old, new in zip(before, now, strict=True)]
    return list(cells.values())


def _numbered(axes: Sequence[Axis], length: int, size: int, turned: bool, wide: bool) -> list[list[Tensor]]:
    """Which windows of each convolution lie in each cell of an axis, in order.

    Pixels at the start are told apart by many windows together. Windows at the end share the few pixels that are new.
    So the larger cell stands at the start or at the end.
    """
    period = math.lcm(*(axis.stride for axis in axes))
    ends = [_ends(axis, length) if turned else _ends(axis) for axis in axes]
    first, last = min(int(end.min()) for end in ends), max(int(end.max()) for end in ends)
    ahead = [last - end if wide else end - first for end in ends]
    numbers = [(each - (size - 1) * period).clamp(min=0) // period for each in ahead]
    order = sorted({number for each in numbers for number in each.tolist()}, reverse=wide)
    return [[each == number for each in numbers] for number in order]


def _ends(axis: Axis, length: int | None = None) -> Tensor:
    """Where each window ends, in the padding too; with a length, on the axis from its end to its start."""
    starts = axis.stride * torch.arange(axis.outputs) - axis.before
    return starts + axis.span - 1 if length is None else (length - 1 - starts).flip(0)


def _turned(reads: Tensor, length: int) -> Tensor:
    """The same axis from its end to its start."""
    return torch.where(reads < 0, -1, length - 1 - reads).flip(0)


def _read(reads: Tensor, length: int) -> Tensor:
    marked = torch.zeros(length + 1, dtype=torch.bool)
    marked[reads.flatten()] = True  # -1, padding, is the last
    return marked[:-1]
