"""Windows that share no pixel but reach over the border, as with padding: one SVD for each way of being cut off."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from guise.harmless.operators.base import LinearOperator
from guise.harmless.operators.convolution import Convolution
from guise.harmless.operators.geometry import Axis
from guise.harmless.projection.base import cutoff, off_basis, row_basis
from guise.harmless.projection.blocks import Windows


def bordered(operator: LinearOperator) -> bool:
    """Whether `Bordered` can take it.

    Args:
        operator: any.

    Returns:
        True for convolutions padded with zeros whose windows share no pixel.
    """
    return isinstance(operator, Convolution) and all(
        axis.mode == "zeros" and (axis.span <= axis.stride or axis.outputs == 1) for axis in operator.axes
    )


class Bordered:
    """Projection window by window, where windows at the border hold padding.

    Args:
        operator: one that `bordered` tells of.
    """

    method = "one SVD for each way in which the border cuts a window"

    def __init__(self, operator: Convolution) -> None:
        self.operator = operator
        self._pads = [(axis.before, axis.after) for axis in operator.axes]
        lengths = [
            before + axis.length + after for axis, (before, after) in zip(operator.axes, self._pads, strict=True)
        ]
        larger = Convolution(
            operator.weight,
            (operator.input_shape[0], *lengths),
            stride=operator.stride,
            dilation=[axis.dilation for axis in operator.axes],
            groups=operator.groups,
        )
        self._windows = Windows(larger)
        down, across = (_cuts(axis) for axis in operator.axes)
        width = operator.axes[1].outputs
        self._parts: list[tuple[Tensor, Tensor]] = []
        """Which windows, and the basis of what they read."""
        values, self.rank = [], 0
        groups, inner = operator.groups, operator.weight.shape[1]
        for rows, top in down:
            for columns, left in across:
                cut = operator.weight * (top[:, None] & left)
                block = cut.reshape(groups, -1, inner * top.numel() * left.numel())
                sizes, basis = row_basis(block)
                kept = sizes > cutoff(float(sizes.max()), *block.shape[1:])
                which = (rows[:, None] * width + columns).flatten()
                self._parts.append((which, basis))
                values.append(sizes.flatten().repeat(len(which)))
                self.rank += int(kept.sum()) * len(which)
        self.singular_values = torch.cat(values).sort(descending=True).values

    def null(self, v: Tensor) -> Tensor:
        """See `Projector.null`."""
        (above, below), (before, after) = self._pads
        planes = v.reshape(len(v), *self.operator.planes)
        blocks = self._windows.split(F.pad(planes, (before, after, above, below)))
        read = torch.zeros_like(blocks)
        for which, basis in self._parts:
            some = blocks[:, :, which]
            read[:, :, which] = some - off_basis(some, basis.to(v))
        joined = self._windows.join(read)
        height, width = self.operator.planes[1:]
        return v - joined[:, :, above : above + height, before : before + width].reshape(v.shape)


def _cuts(axis: Axis) -> list[tuple[Tensor, Tensor]]:
    """Outputs of an axis by which of their taps lie in the photo: (outputs, bool of the kernel's length)."""
    taps = axis.stride * torch.arange(axis.outputs)[:, None] + axis.dilation * torch.arange(axis.kernel) - axis.before
    inside = (taps >= 0) & (taps < axis.length)
    patterns, which = torch.unique(inside, dim=0, return_inverse=True)
    return [((which == index).nonzero().flatten(), pattern) for index, pattern in enumerate(patterns)]
