"""Convolutions that lose nothing of what they read: shown window by window, so that no spectrum is needed.

A convolution with a small kernel has too many measurements to decompose. But if its windows are gone through in order,
each adds only some pixels to those that are known already; where the filters tell these apart, they are known too.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from guise.harmless.operators.base import LinearOperator, columns, unread_entries
from guise.harmless.operators.convolution import Convolution
from guise.harmless.projection.base import cutoff

_MOST_TAPS = 2**26
"""Of all windows together: some ten seconds."""


def injective(operator: LinearOperator) -> bool:
    """Whether a convolution is seen to lose nothing of what it reads.

    Args:
        operator: any.

    Returns:
        True only if no combination of the entries that it reads is lost; False where that is not seen.
    """
    if not isinstance(operator, Convolution) or operator.groups > 1 or len(operator.input_shape) != 3:
        return False
    rows, across = operator.axes
    size = math.prod(axis.outputs * axis.kernel for axis in operator.axes)
    if any(axis.mode != "zeros" for axis in operator.axes) or size > _MOST_TAPS:
        return False
    taps = [
        (axis.stride * torch.arange(axis.outputs)[:, None] + axis.dilation * torch.arange(axis.kernel) - axis.before)
        for axis in operator.axes
    ]
    read = rows.reads().any(0)[:, None] & across.reads().any(0)
    return bool(_known(operator.weight, taps[0].tolist(), taps[1].tolist(), read.shape)[read].all())


class Unread:
    """The projection onto what convolutions that lose nothing else do not read.

    Args:
        operator: one that is `injective`, or `tells_apart` all that it reads.
    """

    method = "windows one after another: all that is read is told apart"
    singular_values: Tensor | None = None

    def __init__(self, operator: LinearOperator) -> None:
        self.operator = operator
        self._unread = unread_entries(operator)
        self.rank = columns(operator) - int(self._unread.sum())

    def null(self, v: Tensor) -> Tensor:
        """See `Projector.null`."""
        return v * self._unread.to(v)


def _known(weight: Tensor, down: list[list[int]], across: list[list[int]], size: torch.Size) -> Tensor:
    """The pixels that are told apart: bool (H, W)."""
    height, width = size
    known = [[False] * width for _ in range(height)]
    told: dict[tuple[tuple[int, int], ...], bool] = {}
    for rows in down:
        inside = [(tap, row) for tap, row in enumerate(rows) if 0 <= row < height]
        for columns_read in across:
            new = tuple(
                (top, left)
                for top, row in inside
                for left, column in enumerate(columns_read)
                if 0 <= column < width and not known[row][column]
            )
            if new and new not in told:
                told[new] = _told_apart(weight, new)
            if new and told[new]:
                for top, left in new:
                    known[rows[top]][columns_read[left]] = True
    return torch.tensor(known)


def _told_apart(weight: Tensor, taps: tuple[tuple[int, int], ...]) -> bool:
    """Whether the filters have full column rank on these taps."""
    columns_of = torch.cat([weight[:, :, top, left] for top, left in taps], 1)
    m, n = columns_of.shape
    if n > m:
        return False
    values = torch.linalg.svdvals(columns_of)
    return float(values[-1]) > cutoff(float(values[0]), m, n)
