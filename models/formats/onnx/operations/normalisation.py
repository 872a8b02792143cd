"""Normalisation."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from guise.models.formats.onnx.operations.rules import CONTRIB, operation


@operation("BatchNormalization")
def _by_batch(node: Any, x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, variance: Tensor) -> Tensor:
    return F.batch_norm(x, mean, variance, scale, bias, False, 0.0, node.get("epsilon", 1e-5))


@operation("InstanceNormalization")
def _by_instance(node: Any, x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    return F.instance_norm(x, weight=scale, bias=bias, eps=node.get("epsilon", 1e-5))


@operation("GroupNormalization")
def _by_group(node: Any, x: Tensor, scale: Tensor, bias: Tensor) -> Tensor:
    groups = node.get("num_groups")
    if node.opset < 21 and len(scale) == groups != x.shape[1]:  # one a group, until opset 21
        scale, bias = (each.repeat_interleave(x.shape[1] // groups) for each in (scale, bias))
    return F.group_norm(x, groups, scale, bias, node.get("epsilon", 1e-5))


@operation("LayerNormalization")
def _by_layer(node: Any, x: Tensor, scale: Tensor, bias: Tensor | None = None) -> Tensor:
    shape = x.shape[node.get("axis", -1) % x.ndim :]
    added = None if bias is None else bias.broadcast_to(shape)
    return F.layer_norm(x, shape, scale.broadcast_to(shape), added, node.get("epsilon", 1e-5))


@operation("RMSNormalization")
@operation("SimplifiedLayerNormalization")
@operation("SimplifiedLayerNormalization", domain=CONTRIB)
def _by_root_mean_square(node: Any, x: Tensor, scale: Tensor) -> Tensor:
    dims = list(range(node.get("axis", -1) % x.ndim, x.ndim))
    return x * torch.rsqrt(x.square().mean(dims, keepdim=True) + node.get("epsilon", 1e-5)) * scale


@operation("MeanVarianceNormalization")
def _by_mean_and_variance(node: Any, x: Tensor) -> Tensor:
    dims = node.get("axes") or [0, 2, 3]
    centred = x - x.mean(dims, keepdim=True)
    return centred / (centred.square().mean(dims, keepdim=True).sqrt() + 1e-9)


@operation("LpNormalization")
def _to_length_one(node: Any, x: Tensor) -> Tensor:
    return F.normalize(x, p=node.get("p", 2), dim=node.get("axis", -1))


@operation("LRN")
def _by_neighbours(node: Any, x: Tensor) -> Tensor:
    alpha, beta, bias = node.get("alpha", 1e-4), node.get("beta", 0.75), node.get("bias", 1.0)
    size = node.get("size")
    squares = F.pad(x.square().unsqueeze(1), [0, 0] * (x.ndim - 2) + [(size - 1) // 2, size // 2])
    near = squares.unfold(2, size, 1).sum(-1).squeeze(1)
    return x / (bias + alpha / size * near) ** beta


@operation("Dropout")
def _drop(node: Any, x: Tensor, *_: Tensor | None) -> Any:
    return (x, torch.ones_like(x, dtype=torch.bool)) if len(node.targets) > 1 else x
