"""Attention, and numbers in fewer bits."""

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


@operation("Attention")
def _attend(
    node: Any,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None = None,
    past_key: Tensor | None = None,
    past_value: Tensor | None = None,
) -> Any:
    flat = q.ndim == 3
    if flat:
        heads, others = node.get("q_num_heads"), node.get("kv_num_heads")
        q = q.unflatten(2, (heads, -1)).transpose(1, 2)
        k, v = (each.unflatten(2, (others, -1)).transpose(1, 2) for each in (k, v))
    if past_key is not None and past_value is not None:
        k, v = torch.cat([past_key, k], 2), torch.cat([past_value, v], 2)
    keys, values = (each.repeat_interleave(q.shape[1] // each.shape[1], 1) for each in (k, v))
    scores = q @ keys.mT * node.get("scale", q.shape[-1] ** -0.5)
    if node.get("is_causal", 0):
        shape = scores.shape[-2:]
        late = torch.ones(shape, dtype=torch.bool).triu(1 + shape[1] - shape[0])
        scores = scores.masked_fill(late, -torch.inf)
    if mask is not None:
        scores = scores.masked_fill(~mask, -torch.inf) if mask.dtype == torch.bool else scores + mask
    if cap := node.get("softcap", 0.0):
        scores = cap * torch.tanh(scores / cap)
    y = torch.softmax(scores, -1) @ values
    y = y.transpose(1, 2).flatten(2) if flat else y
    return (y, k, v) if len(node.targets) > 1 else y
