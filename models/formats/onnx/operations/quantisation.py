"""Numbers in fewer bits."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from guise.models.formats.onnx.operations.rules import operation

_RANGES = {
    torch.uint8: (0, 255),
    torch.int8: (-128, 127),
    torch.int16: (-32768, 32767),
    torch.int32: (-(2**31), 2**31 - 1),
}


def _spread(node: Any, values: Tensor, x: Tensor) -> Tensor:
    """One scale for all, one a slice of an axis, or one a block of it."""
    axis, block = node.get("axis", 1), node.get("block_size", 0)
    if block:
        return values.repeat_interleave(block, axis).narrow(axis, 0, x.shape[axis])
    if values.numel() == 1 or values.ndim > 1:
        return values
    shape = [1] * x.ndim
    shape[axis % x.ndim] = -1
    return values.view(shape)


@operation("DequantizeLinear")
def _dequantise(node: Any, x: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
    shifted = x.to(scale.dtype)
    shifted = shifted if zero is None else shifted - _spread(node, zero.to(scale.dtype), x)
    return shifted * _spread(node, scale, x)


@operation("QuantizeLinear")
def _quantise(node: Any, x: Tensor, scale: Tensor, zero: Tensor | None = None) -> Tensor:
    kind = torch.uint8 if zero is None else zero.dtype
    y = torch.round(x / _spread(node, scale, x))
    y = y if zero is None else y + _spread(node, zero.to(x.dtype), x)
    return y.clamp(*_RANGES[kind]).to(kind)
