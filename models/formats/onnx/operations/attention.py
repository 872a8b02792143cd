"""Attention, and positions that are turned into angles."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from guise.models.formats.onnx.operations.rules import operation


@operation("Attention")
def _attend(
    node: Any,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    mask: Tensor | None = None,
    past_key: Tensor | None = None,
    past_value: Tensor | None = None,
    lengths: Tensor | None = None,
) -> Any:
    flat = q.ndim == 3
    if flat:
        heads, others = node.get("q_num_heads"), node.get("kv_num_heads")
        q = q.unflatten(2, (heads, -1)).transpose(1, 2)
        k, v = (each.unflatten(2, (others, -1)).transpose(1, 2) for each in (k, v))
    before = torch.zeros(1, dtype=torch.int64)  # keys that come before the first query
    if past_key is not None and past_value is not None:
        before = before + past_key.shape[2]
        k, v = torch.cat([past_key, k], 2), torch.cat([past_value, v], 2)
    elif lengths is not None:
        before = lengths.flatten() - q.shape[2]
    keys, values = (each.repeat_interleave(q.shape[1] // each.shape[1], 1) for each in (k, v))
    scores = given = q @ keys.mT * node.get("scale", q.shape[-1] ** -0.5)
    if cap := node.get("softcap", 0.0):  # before the mask, which would else be bounded too
        scores = capped = cap * torch.tanh(scores / cap)
    else:
        capped = given
    bias = _bias(node, scores, mask, before.view(-1, 1, 1, 1), lengths)
    masked = scores if bias is None else scores + bias
    weights = torch.softmax(masked, -1)
    if bias is not None:  # a query that may look at nothing gets nothing
        weights = weights.masked_fill(bias.amax(-1, keepdim=True) == -torch.inf, 0)
    y = weights @ values
    y = y.transpose(1, 2).flatten(2) if flat else y
    shown = (given, capped, masked, weights)[node.get("qk_matmul_output_mode", 0)]
    return (y, k, v, shown)[: len(node.targets)] if len(node.targets) > 1 else y


def _bias(node: Any, scores: Tensor, mask: Tensor | None, before: Tensor, lengths: Tensor | None) -> Tensor | None:
    """What is added to scores (N, heads, queries, keys): -inf where a query may not look; None for nothing."""
    queries, keys = scores.shape[-2:]
    where, key = before + torch.arange(queries)[:, None], torch.arange(keys)
    left, right = node.get("left_window_size", -1), node.get("right_window_size", -1)
    allowed = [key <= where] if node.get("is_causal", 0) else []
    allowed += [where - key <= left] if left >= 0 else []
    allowed += [key - where <= right] if right >= 0 else []
    allowed += [] if lengths is None else [key < lengths.view(-1, 1, 1, 1)]
    if mask is not None and mask.dtype == torch.bool:
        allowed.append(F.pad(mask, (0, keys - mask.shape[-1])))
    added = None
    if mask is not None and mask.dtype != torch.bool:
        added = F.pad(mask, (0, keys - mask.shape[-1]), value=-torch.inf)
    for each in allowed:
        closed = torch.zeros_like(each, dtype=scores.dtype).masked_fill(~each, -torch.inf)
        added = closed if added is None else added + closed
    return added


@operation("RotaryEmbedding")
def _turn(node: Any, x: Tensor, cosines: Tensor, sines: Tensor, places: Tensor | None = None) -> Tensor:
    flat = x.ndim == 3
    x = x.unflatten(2, (node.get("num_heads"), -1)).transpose(1, 2) if flat else x
    width = node.get("rotary_embedding_dim", 0) or x.shape[-1]
    turned, rest = x[..., :width], x[..., width:]
    if places is not None:
        cosines, sines = cosines[places], sines[places]
    cos, sin = (each[..., : width // 2].unsqueeze(1) for each in (cosines, sines))
    apart = bool(node.get("interleaved", 0))
    a, b = (turned[..., ::2], turned[..., 1::2]) if apart else turned.chunk(2, -1)
    both = (a * cos - b * sin, a * sin + b * cos)
    y = torch.cat([torch.stack(both, -1).flatten(-2) if apart else torch.cat(both, -1), rest], -1)
    return y.transpose(1, 2).flatten(2) if flat else y
