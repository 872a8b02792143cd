"""Operations on single values, reductions and products."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from guise.models.formats.onnx.operations.rules import CONTRIB, numbers, operation

_SAME: dict[str, Callable[..., Tensor]] = {
    **{name: getattr(torch, name.lower()) for name in ("Abs", "Ceil", "Cos", "Cosh", "Erf", "Exp", "Floor", "Log")},
    **{name: getattr(torch, name.lower()) for name in ("Neg", "Reciprocal", "Round", "Sigmoid", "Sign", "Sin", "Sinh")},
    **{name: getattr(torch, name.lower()) for name in ("Sqrt", "Tan", "Tanh", "Acos", "Acosh", "Asin", "Asinh")},
    **{name: getattr(torch, name.lower()) for name in ("Atan", "Atanh", "Relu", "IsNaN", "Det", "MatMul")},
    **{"Add": torch.add, "Sub": torch.sub, "Mul": torch.mul, "Pow": torch.pow, "Softplus": F.softplus},
    **{"Equal": torch.eq, "Greater": torch.gt, "GreaterOrEqual": torch.ge, "Less": torch.lt, "LessOrEqual": torch.le},
    **{"And": torch.logical_and, "Or": torch.logical_or, "Xor": torch.logical_xor, "Not": torch.logical_not},
    **{"Softsign": F.softsign, "HardSwish": F.hardswish, "Mish": F.mish, "BitwiseAnd": torch.bitwise_and},
    **{"BitwiseOr": torch.bitwise_or, "BitwiseXor": torch.bitwise_xor, "BitwiseNot": torch.bitwise_not},
}
for _name, _function in _SAME.items():
    operation(_name)(lambda _, *inputs, function=_function: function(*inputs))


@operation("Div")
def _divide(_: Any, a: Tensor, b: Tensor) -> Tensor:
    whole = not (a.is_floating_point() or b.is_floating_point())
    return torch.div(a, b, rounding_mode="trunc") if whole else a / b


@operation("Mod")
def _remainder(node: Any, a: Tensor, b: Tensor) -> Tensor:
    return torch.fmod(a, b) if node.get("fmod", 0) else torch.remainder(a, b)


@operation("Sum")
def _sum(_: Any, *inputs: Tensor) -> Tensor:
    return reduce(torch.add, inputs)


@operation("Mean")
def _mean(_: Any, *inputs: Tensor) -> Tensor:
    return reduce(torch.add, inputs) / len(inputs)


@operation("Max")
def _max(_: Any, *inputs: Tensor) -> Tensor:
    return reduce(torch.maximum, inputs)


@operation("Min")
def _min(_: Any, *inputs: Tensor) -> Tensor:
    return reduce(torch.minimum, inputs)


@operation("Clip")
def _clip(node: Any, x: Tensor, low: Tensor | None = None, high: Tensor | None = None) -> Tensor:
    low, high = (node.get(name, given) for name, given in (("min", low), ("max", high)))
    return x if low is None and high is None else torch.clamp(x, low, high)


@operation("Where")
def _where(_: Any, chosen: Tensor, a: Tensor, b: Tensor) -> Tensor:
    return torch.where(chosen, a, b)


@operation("IsInf")
def _is_infinite(node: Any, x: Tensor) -> Tensor:
    up, down = node.get("detect_positive", 1), node.get("detect_negative", 1)
    return (torch.isposinf(x) & bool(up)) | (torch.isneginf(x) & bool(down))


@operation("LeakyRelu")
def _leaky(node: Any, x: Tensor) -> Tensor:
    return F.leaky_relu(x, node.get("alpha", 0.01))


@operation("PRelu")
def _sloped(_: Any, x: Tensor, slope: Tensor) -> Tensor:
    return x.clamp(min=0) + slope * x.clamp(max=0)


@operation("ThresholdedRelu")
def _thresholded(node: Any, x: Tensor) -> Tensor:
    return x * (x > node.get("alpha", 1.0))


@operation("Elu")
def _elu(node: Any, x: Tensor) -> Tensor:
    return F.elu(x, node.get("alpha", 1.0))


@operation("Celu")
def _celu(node: Any, x: Tensor) -> Tensor:
    return F.celu(x, node.get("alpha", 1.0))


@operation("Selu")
def _selu(node: Any, x: Tensor) -> Tensor:
    return F.elu(x, node.get("alpha", 1.6732632423543772)) * node.get("gamma", 1.0507009873554805)


@operation("HardSigmoid")
def _hard_sigmoid(node: Any, x: Tensor) -> Tensor:
    return (node.get("alpha", 0.2) * x + node.get("beta", 0.5)).clamp(0, 1)


@operation("Gelu")
def _gelu(node: Any, x: Tensor) -> Tensor:
    return F.gelu(x, approximate=node.get("approximate", "none"))


operation("Gelu", domain=CONTRIB)(lambda _, x: F.gelu(x))
operation("BiasGelu", domain=CONTRIB)(lambda _, x, bias: F.gelu(x + bias))
operation("FastGelu", domain=CONTRIB)(
    lambda _, x, bias=None: F.gelu(x if bias is None else x + bias, approximate="tanh")
)
operation("QuickGelu", domain=CONTRIB)(lambda node, x: x * torch.sigmoid(node.get("alpha", 1.702) * x))


@operation("Swish")
def _swish(node: Any, x: Tensor) -> Tensor:
    return x * torch.sigmoid(node.get("alpha", 1.0) * x)


@operation("Softmax", "LogSoftmax")
def _softmax(node: Any, x: Tensor) -> Tensor:
    function = torch.softmax if node.kind == "Softmax" else torch.log_softmax
    if node.opset >= 13:
        return function(x, node.get("axis", -1))
    axis = node.get("axis", 1) % max(x.ndim, 1)  # everything from the axis on counts as one
    return function(x.flatten(axis), axis).reshape(x.shape)


def _over(node: Any, x: Tensor, axes: Any) -> list[int] | None:
    """The dimensions of a reduction; None where nothing is reduced."""
    chosen = numbers(axes) or numbers(node.get("axes"))
    if not chosen:
        return None if node.get("noop_with_empty_axes", 0) else list(range(x.ndim))
    return [axis % x.ndim for axis in chosen]


_REDUCED: dict[str, Callable[[Tensor, list[int], bool], Tensor]] = {
    "ReduceMean": lambda x, dims, keep: x.mean(dims, keepdim=keep),
    "ReduceSum": lambda x, dims, keep: x.sum(dims, keepdim=keep),
    "ReduceMax": lambda x, dims, keep: x.amax(dims, keepdim=keep),
    "ReduceMin": lambda x, dims, keep: x.amin(dims, keepdim=keep),
    "ReduceL1": lambda x, dims, keep: x.abs().sum(dims, keepdim=keep),
    "ReduceL2": lambda x, dims, keep: x.square().sum(dims, keepdim=keep).sqrt(),
    "ReduceSumSquare": lambda x, dims, keep: x.square().sum(dims, keepdim=keep),
    "ReduceLogSum": lambda x, dims, keep: x.sum(dims, keepdim=keep).log(),
    "ReduceLogSumExp": lambda x, dims, keep: x.logsumexp(dims, keepdim=keep),
}


@operation(*_REDUCED)
def _reduce(node: Any, x: Tensor, axes: Tensor | None = None) -> Tensor:
    dims = _over(node, x, axes)
    return x if dims is None or x.ndim == 0 else _REDUCED[node.kind](x, dims, bool(node.get("keepdims", 1)))


@operation("ReduceProd")
def _product(node: Any, x: Tensor, axes: Tensor | None = None) -> Tensor:
    for axis in sorted(_over(node, x, axes) or [], reverse=True):
        x = x.prod(axis, keepdim=bool(node.get("keepdims", 1)))
    return x


@operation("Gemm")
def _gemm(node: Any, a: Tensor, b: Tensor, c: Tensor | None = None) -> Tensor:
    a, b = (side.mT if node.get(name, 0) else side for side, name in ((a, "transA"), (b, "transB")))
    alpha, beta = node.get("alpha", 1.0), node.get("beta", 1.0)
    product = a @ b if alpha == 1 else alpha * (a @ b)
    return product if c is None else product + (c if beta == 1 else beta * c)


@operation("FusedMatMul", domain=CONTRIB)
def _fused_matmul(node: Any, a: Tensor, b: Tensor) -> Tensor:
    a, b = (side.mT if node.get(name, 0) else side for side, name in ((a, "transA"), (b, "transB")))
    return node.get("alpha", 1.0) * (a @ b)


@operation("Einsum")
def _einsum(node: Any, *inputs: Tensor) -> Tensor:
    return torch.einsum(node.get("equation"), *inputs)


@operation("CumSum")
def _cumulated(node: Any, x: Tensor, axis: Tensor) -> Tensor:
    place = int(axis)
    x = x.flip(place) if node.get("reverse", 0) else x
    total = x.cumsum(place)
    total = total - x if node.get("exclusive", 0) else total
    return total.flip(place) if node.get("reverse", 0) else total
