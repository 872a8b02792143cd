"""Directions that an operator shrinks, where it has none that it ignores: approximate, with a bound that holds."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from guise.harmless.operators.base import LinearOperator, Shape, columns, to_matrix
from guise.harmless.operators.convolution import Convolution
from guise.harmless.operators.geometry import Axis
from guise.harmless.operators.simplify import simplified
from guise.harmless.projection.base import off_basis
from guise.harmless.projection.blocks import Blocks, Windows, splits
from guise.harmless.projection.dense import small
from guise.harmless.projection.iterative import largest_singular_value
from guise.models.errors import InputError

_TILE_ENTRIES = 768
_WIDEST = 8192
"""Of so many values all singular vectors fit into memory."""


class NearNull:
    """The orthogonal projection onto right singular directions below a share of the largest singular value.

    Guarantees:
        * |A null(v)| <= bound * |A| * |null(v)|, up to rounding.

    A large convolution is taken apart into tiles of its input. An output reads `meeting` of them at most, so that
    directions of single tiles below bound / sqrt(meeting) stay below the bound together (Cauchy and Schwarz). This
    leaves out directions that cross the tiles' borders: it is a part of the space, never too much.

    Args:
        operator: a linear layer, a convolution padded with zeros, or anything small.
        bound: in (0, 1).

    Raises:
        InputError: the operator has another structure and is too large to be decomposed, or has no such direction.
    """

    singular_values: Tensor | None = None

    def __init__(self, operator: LinearOperator, bound: float) -> None:
        if not 0 < bound < 1:
            raise InputError(f"`approximate={bound:g}` is no share; give what the first layer may keep, such as 0.01")
        self.operator, self.bound = simplified(operator), bound
        self.norm = largest_singular_value(self.operator)
        """Of A, approached from below, so that the bound holds."""
        self._tiles: Windows | None = None
        self._between = False
        """What lies between the tiles is not read at all."""
        block, meeting = self._block()
        limit = bound * self.norm / math.sqrt(meeting)
        bases, kept, least = [], 0, math.inf
        for matrix in block:
            values, right = _right(matrix)
            bases.append(right * (values > limit))
            kept += int((values > limit).sum())
            least = min(least, float(values.min()) * math.sqrt(meeting))
        self._basis = torch.stack(bases)
        if kept == self._basis.shape[0] * self._basis.shape[1]:
            what = f"the first layer shrinks nothing below {bound:g} of its most, at best to {least / self.norm:.2g}"
            raise InputError(f"{what}; raise `approximate=` or use `non_linear=True`")
        n = columns(self.operator)
        self.rank = n - (self._basis.shape[1] * len(bases) - kept) * self._count
        if self._between:
            self.rank = kept * self._count
        self.method = f"the {n - self.rank} of {n} dimensions that are shrunk below {bound:g}"

    def null(self, v: Tensor) -> Tensor:
        """The part of v that the operator shrinks below the bound.

        Args:
            v: (N, *input_shape).

        Returns:
            Of the shape of v.
        """
        if self._tiles is None:
            return off_basis(v.reshape(1, len(v), -1), self._basis.to(v)).view_as(v)
        blocks = self._tiles.split(v)
        null = off_basis(blocks, self._basis.to(v))
        return v - self._tiles.join(blocks - null) if self._between else self._tiles.join(null)

    def _block(self) -> tuple[Tensor, int]:
        """Matrices to decompose, (groups, m, n) each for all tiles, and how many tiles meet in one output."""
        operator = self.operator
        if isinstance(operator, Convolution) and splits(operator):
            self._tiles, self._between = Windows(operator), True
            self._count = operator.axes[0].outputs * operator.axes[1].outputs
            return Blocks(operator).block, 1
        if small(operator):
            self._count = 1
            return to_matrix(operator)[None], 1
        if not isinstance(operator, Convolution) or not _tileable(operator):
            raise InputError(
                "its first layer is too large to look for directions that it shrinks; use `non_linear=True`"
            )
        side = [_side(axis, operator.input_shape[0]) for axis in operator.axes]
        channels = operator.input_shape[0]
        cut = Convolution(torch.zeros(1, channels, *side), operator.planes, stride=side)
        self._tiles, self._count = Windows(cut), cut.axes[0].outputs * cut.axes[1].outputs
        meeting = math.prod(2 + (axis.span - 2) // length for axis, length in zip(operator.axes, side, strict=True))
        return to_matrix(_over(operator, (channels, *side)))[None], meeting


def _tileable(operator: Convolution) -> bool:
    return len(operator.input_shape) == 3 and all(axis.mode == "zeros" for axis in operator.axes)


def _side(axis: Axis, channels: int) -> int:
    """Of a tile: a multiple of the stride, no longer than the input allows."""
    wanted = min(axis.length, max(1, int(math.sqrt(_TILE_ENTRIES / channels))))
    return max(axis.stride, wanted - wanted % axis.stride)


def _over(operator: Convolution, tile: Shape) -> Convolution:
    """The same kernel over one tile alone, with every output that reads any of it."""
    padding = []
    for axis in operator.axes:
        missing = max(0, axis.span - 1 - axis.before)
        before = axis.before + math.ceil(missing / axis.stride) * axis.stride
        padding.append((before, axis.span - 1 + axis.stride))
    dilation = [axis.dilation for axis in operator.axes]
    return Convolution(
        operator.weight, tile, stride=operator.stride, padding=padding, dilation=dilation, groups=operator.groups
    )


def _right(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """All n right singular vectors (n, n) and their values, zeros included."""
    m, n = matrix.shape
    if n > _WIDEST:
        raise InputError(f"its first layer reads {n} values at once, too many to look for directions that it shrinks")
    if m > n:
        matrix = torch.linalg.qr(matrix, mode="r").R
    _, values, right = torch.linalg.svd(matrix, full_matrices=True)
    return torch.cat([values, values.new_zeros(n - len(values))]), right.mH
