"""Convolutions and pooling, with ONNX's ways of padding."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from guise.models.formats.onnx.operations.rules import CONTRIB, NotRunError, operation

_ACTIVATIONS: dict[str, Callable[..., Tensor]] = {
    "": lambda y: y,
    "Relu": torch.relu,
    "Sigmoid": torch.sigmoid,
    "Tanh": torch.tanh,
    "LeakyRelu": F.leaky_relu,
    "Clip": torch.clamp,
    "HardSigmoid": lambda y, alpha=0.2, beta=0.5: (alpha * y + beta).clamp(0, 1),
}


def _pads(node: Any, sizes: list[int], kernel: list[int], strides: list[int], dilations: list[int]) -> list[list[int]]:
    """(before, after) of each axis."""
    auto = node.get("auto_pad", "NOTSET")
    if auto in ("NOTSET", "VALID", ""):
        given = node.get("pads", [0] * 2 * len(kernel)) if auto != "VALID" else [0] * 2 * len(kernel)
        return [list(pair) for pair in zip(given[: len(kernel)], given[len(kernel) :], strict=True)]
    pairs = []
    for size, width, stride, dilation in zip(sizes, kernel, strides, dilations, strict=True):
        missing = max(0, (math.ceil(size / stride) - 1) * stride + dilation * (width - 1) + 1 - size)
        small = missing // 2
        pairs.append([small, missing - small] if auto == "SAME_UPPER" else [missing - small, small])
    return pairs


def _padded(x: Tensor, pads: list[list[int]], value: float = 0.0) -> Tensor:
    flat = [number for pair in reversed(pads) for number in pair]
    return F.pad(x, flat, value=value) if any(flat) else x


def _geometry(node: Any, x: Tensor, kernel: list[int]) -> tuple[list[int], list[int], list[list[int]]]:
    strides, dilations = node.get("strides") or [1] * len(kernel), node.get("dilations") or [1] * len(kernel)
    return strides, dilations, _pads(node, list(x.shape[2:]), kernel, strides, dilations)


@operation("Conv")
def _convolve(node: Any, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    kernel = list(weight.shape[2:])
    strides, dilations, pads = _geometry(node, x, kernel)
    even = all(before == after >= 0 for before, after in pads)
    x, own = (x, [pair[0] for pair in pads]) if even else (_padded(x, pads), [0] * len(kernel))
    function = (F.conv1d, F.conv2d, F.conv3d)[len(kernel) - 1]
    return function(x, weight, bias, strides, own, dilations, node.get("group", 1))


@operation("FusedConv", domain=CONTRIB)
def _convolve_and_more(
    node: Any, x: Tensor, weight: Tensor, bias: Tensor | None = None, z: Tensor | None = None
) -> Tensor:
    y = _convolve(node, x, weight, bias)
    y = y if z is None else y + z
    kind = node.get("activation", "")
    if kind not in _ACTIVATIONS:
        raise NotRunError(f"{node.name} with {kind}")
    return _ACTIVATIONS[kind](y, *node.get("activation_params") or [])


@operation("ConvTranspose")
def _convolve_back(node: Any, x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    kernel = list(weight.shape[2:])
    strides, dilations = node.get("strides") or [1] * len(kernel), node.get("dilations") or [1] * len(kernel)
    more = node.get("output_padding") or [0] * len(kernel)
    whole = [
        (size - 1) * stride + dilation * (width - 1) + 1 + extra
        for size, stride, dilation, width, extra in zip(x.shape[2:], strides, dilations, kernel, more, strict=True)
    ]
    auto, wanted = node.get("auto_pad", "NOTSET"), node.get("output_shape")
    if wanted is None and auto.startswith("SAME"):
        wanted = [size * stride for size, stride in zip(x.shape[2:], strides, strict=True)]
    if wanted is not None:
        missing = [full - size for full, size in zip(whole, wanted[-len(kernel) :], strict=True)]
        upper = auto == "SAME_UPPER"
        pads = [[cut // 2, cut - cut // 2] if upper else [cut - cut // 2, cut // 2] for cut in missing]
    else:
        pads = _pads(node, list(x.shape[2:]), kernel, strides, dilations)
    function = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[len(kernel) - 1]
    y = function(x, weight, bias, strides, 0, more, node.get("group", 1), dilations)
    return _padded(y, [[-before, -after] for before, after in pads])


def _rounded_up(x: Tensor, kernel: list[int], strides: list[int], dilations: list[int], pads: list[list[int]]) -> None:
    """Let the last window start wherever one fits that begins inside the padded input, as `ceil_mode` has it."""
    for index, pair in enumerate(pads):
        size, span = x.shape[2 + index], dilations[index] * (kernel[index] - 1) + 1
        count = math.ceil((size + sum(pair) - span) / strides[index]) + 1
        if (count - 1) * strides[index] >= size + pair[0]:
            count -= 1
        pair[1] = max(pair[1], (count - 1) * strides[index] + span - size - pair[0])


@operation("AveragePool")
def _pool_mean(node: Any, x: Tensor) -> Tensor:
    kernel = node.get("kernel_shape")
    strides, dilations, pads = _geometry(node, x, kernel)
    counted = x.new_ones(1, 1, *x.shape[2:])
    if node.get("count_include_pad", 0):
        counted = _padded(counted, pads, 1.0)
        rest = [[0, 0] for _ in pads]
        start = [pair[:] for pair in pads]
    else:
        rest, start = pads, None
    if node.get("ceil_mode", 0):
        _rounded_up(x, kernel, strides, dilations, pads)
    if start is not None:
        rest = [[0, pair[1] - first[1]] for pair, first in zip(pads, start, strict=True)]
    function = (F.conv1d, F.conv2d, F.conv3d)[len(kernel) - 1]
    window = x.new_ones(x.shape[1], 1, *kernel) / math.prod(kernel)
    y = function(_padded(x, pads), window, None, strides, 0, dilations, x.shape[1])
    count = function(_padded(counted, rest), window[:1], None, strides, 0, dilations)
    return y if bool((count == 1).all()) else y / count.clamp(min=1e-9)


@operation("MaxPool")
def _pool_most(node: Any, x: Tensor) -> Any:
    kernel = node.get("kernel_shape")
    strides, dilations, pads = _geometry(node, x, kernel)
    if node.get("ceil_mode", 0):
        _rounded_up(x, kernel, strides, dilations, pads)
    function = (F.max_pool1d, F.max_pool2d, F.max_pool3d)[len(kernel) - 1]
    padded = _padded(x, pads, -math.inf)
    if len(node.targets) == 1:
        return function(padded, kernel, strides, 0, dilations)
    y, places = function(padded, kernel, strides, 0, dilations, return_indices=True)
    return y, _numbers(places, padded.shape[2:], x, pads, by_columns=bool(node.get("storage_order", 0)))


def _numbers(places: Tensor, sizes: Sequence[int], x: Tensor, pads: list[list[int]], *, by_columns: bool) -> Tensor:
    """Places in a padded plane as numbers of values of the whole tensor, as ONNX counts them."""
    axes = []
    for size, (before, _) in zip(reversed(sizes), reversed(pads), strict=True):
        axes.append(places % size - before)
        places = places // size
    inside, step = torch.zeros_like(places), 1
    plane = list(x.shape[2:])
    for axis, size in zip(reversed(axes) if by_columns else axes, plane if by_columns else plane[::-1], strict=True):
        inside, step = inside + step * axis, step * size
    planes = step * torch.arange(x.shape[0] * x.shape[1])
    return inside + planes.view(*x.shape[:2], *[1] * len(plane))


@operation("LpPool")
def _pool_norm(node: Any, x: Tensor) -> Tensor:
    kernel, p = node.get("kernel_shape"), node.get("p", 2)
    strides, dilations, pads = _geometry(node, x, kernel)
    if node.get("ceil_mode", 0):
        _rounded_up(x, kernel, strides, dilations, pads)
    function = (F.conv1d, F.conv2d, F.conv3d)[len(kernel) - 1]
    window = x.new_ones(x.shape[1], 1, *kernel)
    return function(_padded(x.abs() ** p, pads), window, None, strides, 0, dilations, x.shape[1]) ** (1 / p)


@operation("GlobalAveragePool")
def _mean_of_all(_: Any, x: Tensor) -> Tensor:
    return x.mean(list(range(2, x.ndim)), keepdim=True)


@operation("GlobalMaxPool")
def _most_of_all(_: Any, x: Tensor) -> Tensor:
    return x.amax(list(range(2, x.ndim)), keepdim=True)


@operation("GlobalLpPool")
def _norm_of_all(node: Any, x: Tensor) -> Tensor:
    p = node.get("p", 2)
    return (x.abs() ** p).sum(list(range(2, x.ndim)), keepdim=True) ** (1 / p)
