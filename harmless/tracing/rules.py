"""Which of torch's operations are linear in a tensor, and as which operator; all others count as non-linear."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from guise.harmless.operators.base import LinearOperator
from guise.harmless.operators.convolution import Convolution, average_pooling
from guise.harmless.operators.elementary import LinearFunction, Scale
from guise.harmless.operators.gather import Gather
from guise.harmless.operators.matrix import Matrix
from guise.harmless.tracing.call import Call, item_shape

Rule = Callable[[Call], LinearOperator | Sequence[LinearOperator] | None]
"""The operator of a call, or one for each of its outputs; None where it is not linear as called."""


def moves(call: Call) -> LinearOperator | Sequence[LinearOperator]:
    """What copies values: seen by where it puts the number of each value.

    Args:
        call: about to run.

    Returns:
        A gather, or one for each output.
    """
    moved = call.on(_numbers(call))
    if isinstance(moved, (list, tuple)):
        return [_gather(numbers, call) for numbers in moved]
    return _gather(moved, call)


def _numbers(call: Call) -> Tensor:
    return torch.arange(math.prod(call.shape), dtype=torch.float64).reshape(call.shape)


def _gather(numbers: Tensor, call: Call) -> Gather:
    return Gather(numbers.long().reshape(item_shape(numbers.shape)), call.item)


def _casts(call: Call) -> LinearOperator | None:
    """To another precision; whole numbers would be rounded."""
    dtype = call.argument("dtype")
    return None if dtype is not None and not dtype.is_floating_point else _gather(_numbers(call), call)


def _pads(call: Call) -> LinearOperator:
    return _gather(call.function(_numbers(call), call.args[1], -1.0), call)


def _joins(call: Call) -> LinearOperator:
    """Concatenation with constants."""
    return _gather(call.on(_numbers(call), lambda other: torch.full(other.shape, -1.0, dtype=torch.float64)), call)


def _adds(call: Call) -> LinearOperator:
    """A constant that is added is no part of the linear map; broadcasting is."""
    sizes = [term.shape for term in call.args[:2] if isinstance(term, Tensor)]
    return _gather(_numbers(call).broadcast_to(torch.broadcast_shapes(*sizes)), call)


def _multiplies(call: Call) -> LinearOperator | None:
    factor = call.args[1 - call.place] if len(call.args) > 1 else -1.0
    return _scaled(call, torch.as_tensor(factor, dtype=torch.float64))


def _divides(call: Call) -> LinearOperator | None:
    if call.place != 0 or call.kwargs.get("rounding_mode") is not None:
        return None
    return _scaled(call, 1 / torch.as_tensor(call.args[1], dtype=torch.float64))


def _scaled(call: Call, factor: Tensor) -> LinearOperator | None:
    if tuple(torch.broadcast_shapes(factor.shape, call.shape)) != call.shape:
        return None  # a product that grows: too rare to follow
    return Scale(factor.broadcast_to(call.shape).reshape(call.item), call.item)


def _normalises(call: Call) -> LinearOperator | None:
    """Batch normalisation by stored statistics."""
    if call.argument("training", False) or call.argument("running_mean") is None:
        return None
    variance, weight = call.argument("running_var"), call.argument("weight")
    factor = (variance.double() + float(call.argument("eps"))).rsqrt()
    factor = factor if weight is None else factor * weight.double()
    return _scaled(call, factor.view(1, -1, *[1] * (len(call.shape) - 2)))


def _convolves(call: Call) -> LinearOperator | None:
    weight = call.argument("weight")
    if call.place != 0 or len(call.shape) != weight.ndim or call.shape[0] != 1:
        return None
    if call.argument("transposed") or weight.ndim > 4:
        return function(call)
    return Convolution(
        weight,
        call.item,
        stride=call.argument("stride"),
        padding=call.argument("padding"),
        dilation=call.argument("dilation"),
        groups=call.argument("groups"),
    )


def _pools(call: Call) -> LinearOperator | None:
    kernel, stride = call.argument("kernel_size"), call.argument("stride") or call.argument("kernel_size")
    both = [list(each) * (2 // len(each)) for each in (kernel, stride, call.argument("padding", None) or [0])]
    uneven = not call.argument("count_include_pad", True) and any(both[2])  # borders are averages of fewer
    if call.argument("ceil_mode", False) or uneven or len(call.shape) != 4 or call.shape[0] != 1:
        return function(call)
    return average_pooling(call.item, kernel=both[0], stride=both[1], padding=both[2])


def _applies_matrix(call: Call) -> LinearOperator | None:
    """`mm`, `addmm` and `linear` with a constant matrix on the right."""
    name = call.function.overloadpacket.__name__
    if name == "linear":
        weight = call.args[1] if call.place == 0 else None
    elif name == "addmm":
        weight = call.args[2].mT * float(call.kwargs.get("alpha", 1)) if call.place == 1 else None
    else:
        weight = call.args[1].mT if call.place == 0 else None
    return None if weight is None else Matrix(weight, call.item)


def function(call: Call) -> LinearOperator:
    """Linear up to a constant, which is taken off; its structure is not used.

    Args:
        call: about to run.

    Returns:
        The operator.
    """
    shape, item_size = call.shape, call.item

    def run(x: Tensor) -> Tensor:
        def cast(other: Tensor) -> Tensor:
            return other.to(x.dtype) if other.is_floating_point() else other

        constant = call.on(x.new_zeros(shape), cast)
        outputs = [call.on(item.view(shape), cast) - constant for item in x]
        return torch.stack([y.reshape(item_shape(y.shape)) for y in outputs])

    return LinearFunction(run, item_size)


_MOVES = (
    *("view", "_unsafe_view", "reshape", "permute", "transpose", "t", "movedim", "squeeze", "unsqueeze", "expand"),
    *("slice", "select", "narrow", "diagonal", "index", "index_select", "split", "split_with_sizes", "unbind"),
    *("clone", "contiguous", "detach", "alias", "lift_fresh", "flip", "roll", "repeat", "unfold"),
    *("pixel_shuffle", "pixel_unshuffle", "upsample_nearest1d", "upsample_nearest2d"),
    *("reflection_pad1d", "reflection_pad2d", "replication_pad1d", "replication_pad2d"),
)
_FUNCTIONS = (
    *("mean", "sum", "cumsum", "bmm", "mv", "im2col", "col2im"),
    *("adaptive_avg_pool2d", "_adaptive_avg_pool2d", "avg_pool1d", "avg_pool3d"),
    *("upsample_linear1d", "upsample_bilinear2d", "upsample_bicubic2d"),
    *("_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa"),
)
ADDS = frozenset(("add", "add_", "sub", "sub_", "rsub", "cat"))
"""Operations whose other tensors are added to the linear part, and do not change it."""

RULES: dict[str, Rule] = {
    **dict.fromkeys(_MOVES, moves),
    **dict.fromkeys(_FUNCTIONS, function),
    **dict.fromkeys(ADDS, _adds),
    **dict.fromkeys(("mul", "mul_", "neg", "neg_"), _multiplies),
    **dict.fromkeys(("div", "div_"), _divides),
    **dict.fromkeys(("native_batch_norm", "_native_batch_norm_legit_no_training"), _normalises),
    "_to_copy": _casts,
    "constant_pad_nd": _pads,
    "cat": _joins,
    "convolution": _convolves,
    "_convolution": _convolves,  # as TorchScript calls it
    "avg_pool2d": _pools,
    "linear": _applies_matrix,
    "addmm": _applies_matrix,
    "mm": _applies_matrix,
}
"""By the operation's name. What is not here counts as read in full, so that no null space comes out too large."""

READS_NOTHING = frozenset(
    [f"new_{what}" for what in ("zeros", "ones", "empty", "full")]
    + [f"{what}_like" for what in ("zeros", "ones", "empty", "full", "rand", "randn")]
)
"""Operations that take only the shape of a tensor."""

MEASURES = frozenset(("convolution", "_convolution", "avg_pool2d", "linear", "addmm", "mm", *_FUNCTIONS))
"""Operations that combine values: people call them the layer that reads the input."""
