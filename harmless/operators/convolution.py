"""Convolutions, and what is a convolution under another name: patch embeddings and average pooling."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from guise.harmless.operators.base import Shape
from guise.harmless.operators.geometry import Axis, PaddingMode

Pair = tuple[int, int]


class Convolution:
    """A convolution in one or two dimensions, without its bias.

    Args:
        weight: (C_out, C_in / groups, k) or (C_out, C_in / groups, k_h, k_w).
        input_shape: (C_in, L) or (C_in, H, W).
        stride: a number, or a number for each axis.
        padding: a number, a number for each axis, or (before, after) for each axis.
        dilation: a number, or a number for each axis.
        groups: of channels.
        mode: what the padding holds.

    Raises:
        ValueError: shapes do not fit, or the kernel does not fit the padded input.
    """

    def __init__(
        self,
        weight: Tensor,
        input_shape: Shape,
        *,
        stride: int | Sequence[int] = 1,
        padding: int | Sequence[int] | Sequence[Pair] = 0,
        dilation: int | Sequence[int] = 1,
        groups: int = 1,
        mode: PaddingMode = "zeros",
    ) -> None:
        spatial = weight.ndim - 2
        if len(input_shape) != spatial + 1 or input_shape[0] != weight.shape[1] * groups:
            raise ValueError(f"a kernel of {tuple(weight.shape)} in {groups} groups does not fit {input_shape}")
        self.input_shape = input_shape
        self.groups = groups
        # In one dimension as in two, of height 1.
        self.weight = weight.detach().double().reshape(*weight.shape[:2], *[1] * (2 - spatial), *weight.shape[2:])
        strides, dilations, pads = (_each(value, spatial) for value in (stride, dilation, padding))
        axes = []
        for place, (length, kernel) in enumerate(zip(input_shape[1:], weight.shape[2:], strict=True)):
            before, after = _each(pads[place], 2)
            gap = dilations[place] if kernel > 1 else 1
            axes.append(Axis(length, kernel, strides[place], gap, before, after, mode))
        if any(axis.outputs < 1 for axis in axes):
            raise ValueError(f"a kernel of {tuple(weight.shape)} is larger than its input {input_shape}")
        self.output_shape: Shape = (len(weight), *(axis.outputs for axis in axes))
        self.axes = (axes[0], axes[1]) if spatial == 2 else (Axis(1, 1, 1, 1, 0, 0, mode), axes[0])

    @property
    def stride(self) -> Pair:
        """Down and across."""
        return self.axes[0].stride, self.axes[1].stride

    @property
    def planes(self) -> Shape:
        """(C_in, H, W), also in one dimension."""
        return self.input_shape[0], self.axes[0].length, self.axes[1].length

    def matvec(self, x: Tensor) -> Tensor:
        """See `LinearOperator.matvec`."""
        padded = self._pad(x.reshape(len(x), *self.planes))
        y = F.conv2d(padded, self.weight.to(x), stride=self.stride, dilation=self._dilation, groups=self.groups)
        return y.reshape(len(x), *self.output_shape)

    def rmatvec(self, y: Tensor) -> Tensor:
        """See `LinearOperator.rmatvec`."""
        out = y.reshape(len(y), -1, self.axes[0].outputs, self.axes[1].outputs)
        lengths = [axis.before + axis.length + axis.after for axis in self.axes]
        unread = [
            length - (axis.outputs - 1) * axis.stride - axis.span
            for length, axis in zip(lengths, self.axes, strict=True)
        ]
        x = F.conv_transpose2d(out, self.weight.to(y), stride=self.stride, dilation=self._dilation, groups=self.groups)
        x = F.pad(x, (0, unread[1], 0, unread[0]))
        return self._unpad(x).reshape(len(y), *self.input_shape)

    @property
    def _dilation(self) -> Pair:
        return self.axes[0].dilation, self.axes[1].dilation

    def _pad(self, x: Tensor) -> Tensor:
        rows, columns = self.axes
        if rows.mode == "zeros":
            return F.pad(x, (columns.before, columns.after, rows.before, rows.after))
        return x[:, :, rows.sources()][..., columns.sources()]

    def _unpad(self, x: Tensor) -> Tensor:
        """The adjoint of `_pad`: what was copied there adds up."""
        for dimension, axis in zip((2, 3), self.axes, strict=True):
            inside = x.narrow(dimension, axis.before, axis.length)
            if axis.mode != "zeros" and (axis.before or axis.after):
                shape = list(inside.shape)
                inside = x.new_zeros(shape).index_add_(dimension, axis.sources().to(x.device), x)
            x = inside
        return x


def average_pooling(
    input_shape: Shape, *, kernel: int | Sequence[int], stride: int | Sequence[int], padding: int | Sequence[int] = 0
) -> Convolution:
    """Averages over windows of each channel, with padding counted as zeros.

    Where padding is not counted, each output has a factor of its own, which leaves the null space as it is.

    Args:
        input_shape: (C, L) or (C, H, W).
        kernel: a number, or a number for each axis.
        stride: a number, or a number for each axis.
        padding: a number, or a number for each axis.

    Returns:
        The averages as a convolution.
    """
    spatial, channels = len(input_shape) - 1, input_shape[0]
    window = torch.ones(channels, 1, *_each(kernel, spatial), dtype=torch.float64)
    window /= window[0].numel()
    return Convolution(window, input_shape, stride=stride, padding=padding, groups=channels)


def patch_embedding(weight: Tensor, input_shape: Shape) -> Convolution:
    """A convolution whose stride is its kernel.

    Args:
        weight: (C_out, C_in, p, p).
        input_shape: (C_in, H, W).

    Returns:
        The convolution.
    """
    return Convolution(weight, input_shape, stride=tuple(weight.shape[2:]))


def _each(value: int | Sequence[Any], count: int) -> tuple[Any, ...]:
    return (value,) * count if isinstance(value, int) else tuple(value)
