"""Kernels of convolutions: without groups, at a place in a larger one, with padding, side by side, summed."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from guise.harmless.operators.base import LinearOperator
from guise.harmless.operators.convolution import Convolution
from guise.harmless.operators.gather import Gather


def with_weight(like: Convolution, weight: Tensor, channels: int, *, groups: int = 1) -> Convolution:
    """A convolution of the same geometry with another kernel.

    Args:
        like: gives the geometry.
        weight: (C_out, C_in / groups, k_h, k_w), with k_h = 1 in one dimension.
        channels: C_in.
        groups: of channels.

    Returns:
        The convolution.
    """
    axes = like.axes[3 - len(like.input_shape) :]
    flat = weight if len(axes) == 2 else weight[:, :, 0]
    return Convolution(
        flat,
        (channels, *like.input_shape[1:]),
        stride=[axis.stride for axis in axes],
        padding=[(axis.before, axis.after) for axis in axes],
        dilation=[axis.dilation for axis in axes],
        groups=groups,
        mode=axes[0].mode,
    )


def ungrouped(operator: Convolution) -> Tensor:
    """The weight of an equal convolution of one group.

    Args:
        operator: any convolution.

    Returns:
        (C_out, C_in, k_h, k_w).
    """
    weight, groups = operator.weight, operator.groups
    if groups == 1:
        return weight
    out, inner = weight.shape[0] // groups, weight.shape[1]
    whole = weight.new_zeros(weight.shape[0], inner * groups, *weight.shape[2:])
    for group in range(groups):
        part = slice(group * out, (group + 1) * out)
        whole[part, group * inner : (group + 1) * inner] = weight[part]
    return whole


def ring(first: Gather, second: Convolution) -> Convolution | None:
    """One convolution on a ring, where `first` pads circularly and does nothing else, and `second` does not pad.

    Args:
        first: runs before.
        second: the convolution.

    Returns:
        The convolution; None where they do something else.
    """
    shape, padded = first.input_shape, first.output_shape
    if len(shape) != 3 or len(padded) != 3 or any(axis.before or axis.after for axis in second.axes):
        return None
    start = int(first.index[0])  # the pixel that comes to lie in the corner
    before = [-(start // shape[2]) % shape[1], -start % shape[2]]
    rows, columns = (
        (torch.arange(size) - ahead) % length for size, ahead, length in zip(padded[1:], before, shape[1:], strict=True)
    )
    channels = torch.arange(padded[0]) * shape[1] * shape[2]
    ring = channels[:, None, None] + rows[:, None] * shape[2] + columns
    after = [size - ahead - length for size, ahead, length in zip(padded[1:], before, shape[1:], strict=True)]
    # Around more than once is rare, and a crop is no padding.
    fits = padded[0] == shape[0] and all(0 <= added <= length for added, length in zip(after, shape[1:], strict=True))
    if not fits or not torch.equal(first.index, ring.flatten()):
        return None
    return Convolution(
        second.weight,
        shape,
        stride=second.stride,
        padding=list(zip(before, after, strict=True)),
        dilation=[axis.dilation for axis in second.axes],
        groups=second.groups,
        mode="circular",
    )


def side_by_side(a: Convolution, b: LinearOperator) -> Convolution | None:
    """One convolution that gives the channels of both.

    Args:
        a: one.
        b: the other.

    Returns:
        The convolution; None where their outputs do not lie on one grid.
    """
    return _joined(a, b, lambda kernels: torch.cat(kernels))


def summed(a: Convolution, b: LinearOperator) -> Convolution | None:
    """One convolution that gives the sum of both.

    Args:
        a: one.
        b: the other, of as many channels.

    Returns:
        The convolution; None where their outputs do not lie on one grid.
    """
    return _joined(a, b, lambda kernels: kernels[0] + kernels[1]) if a.output_shape == b.output_shape else None


def _joined(a: Convolution, b: LinearOperator, join: Callable[[list[Tensor]], Tensor]) -> Convolution | None:
    if not isinstance(b, Convolution) or a.output_shape[1:] != b.output_shape[1:] or len(a.input_shape) != 3:
        return None
    if any(p.stride != q.stride or p.mode != q.mode for p, q in zip(a.axes, b.axes, strict=True)):
        return None
    before = [max(p.before, q.before) for p, q in zip(a.axes, b.axes, strict=True)]
    span = [max(p.span - p.before, q.span - q.before) + most for p, q, most in zip(a.axes, b.axes, before, strict=True)]
    weight = join([_placed(a, before, span), _placed(b, before, span)])
    after = [(o.outputs - 1) * o.stride + s - o.length - p for o, s, p in zip(a.axes, span, before, strict=True)]
    if min(after) < 0:  # what the last kernel does not reach; a wider kernel of zeros does
        weight = torch.nn.functional.pad(weight, (0, max(0, -after[1]), 0, max(0, -after[0])))
        after = [max(0, number) for number in after]
    return Convolution(
        weight, a.input_shape, stride=a.stride, padding=list(zip(before, after, strict=True)), mode=a.axes[0].mode
    )


def padded(first: Gather, second: Convolution) -> Convolution | None:
    """One convolution, where `first` puts zeros around the photo and does nothing else.

    Args:
        first: runs before.
        second: the convolution.

    Returns:
        The convolution; None where `first` does something else.
    """
    shape, larger = first.input_shape, first.output_shape
    if (
        len(shape) != 3
        or len(larger) != 3
        or larger[0] != shape[0]
        or any(axis.mode != "zeros" for axis in second.axes)
    ):
        return None
    places = first.index.view(larger)
    corner = (places == 0).nonzero()
    if len(corner) != 1 or int(corner[0, 0]) != 0:
        return None
    top, left = int(corner[0, 1]), int(corner[0, 2])
    expected = torch.full(larger, -1)
    inside = expected[:, top : top + shape[1], left : left + shape[2]]
    if inside.shape != torch.Size(shape):
        return None
    inside.copy_(torch.arange(first.count).view(shape))
    if not torch.equal(places, expected):
        return None
    ends = [larger[axis + 1] - shape[axis + 1] - start for axis, start in enumerate((top, left))]
    around = zip(second.axes, (top, left), ends, strict=True)
    return Convolution(
        second.weight,
        shape,
        stride=second.stride,
        padding=[(axis.before + start, axis.after + end) for axis, start, end in around],
        dilation=[axis.dilation for axis in second.axes],
        groups=second.groups,
    )


def _placed(operator: Convolution, before: Sequence[int], span: Sequence[int]) -> Tensor:
    """The kernel with its dilation written out, at its place in a larger one."""
    weight = ungrouped(operator)
    large = weight.new_zeros(*weight.shape[:2], *span)
    starts = [most - axis.before for most, axis in zip(before, operator.axes, strict=True)]
    (top, left), (down, across) = starts, operator.axes
    large[:, :, top : top + down.span : down.dilation, left : left + across.span : across.dilation] = weight
    return large
