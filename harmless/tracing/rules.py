"""Which of torch's operations are linear in a tensor, and as which operator; all others count as non-linear."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from guise.harmless.operators.base import LinearOperator
from guise.harmless.operators.gather import Gather
from guise.harmless.tracing.call import Call
from guise.harmless.tracing.layers import applies_matrix, convolves, normalises, pools
from guise.harmless.tracing.making import function, moved, numbered, scaled

Rule = Callable[[Call], LinearOperator | Sequence[LinearOperator] | None]
"""The operator of a call, or one for each of its outputs; None where it is not linear as called."""


def moves(call: Call) -> LinearOperator | Sequence[LinearOperator]:
    """What copies values: seen by where it puts the number of each value.

    Args:
        call: about to run.

    Returns:
        A gather, or one for each output.
    """
    if call.followed.is_complex():
        return function(call)
    given = call.on(numbered(call.shape))
    if isinstance(given, (list, tuple)):
        return [moved(numbers, call) for numbers in given]
    return moved(given, call)


def _casts(call: Call) -> LinearOperator | None:
    """To another precision, to complex numbers or back; whole numbers would be rounded."""
    dtype, item = call.argument("dtype") or call.followed.dtype, call.item
    if not (dtype.is_floating_point or dtype.is_complex):
        return None
    pairs = call.followed.is_complex()
    numbers = numbered((*item, 2) if pairs else item).long()
    if pairs and not dtype.is_complex:
        numbers = numbers[..., 0]
    if dtype.is_complex and not pairs:
        numbers = torch.stack([numbers, torch.full_like(numbers, -1)], -1)
    return Gather(numbers, (*item, 2) if pairs else item)


def _pads(call: Call) -> LinearOperator:
    return moved(call.function(numbered(call.shape), call.args[1], -1.0), call)


def _joins(call: Call) -> LinearOperator:
    """Concatenation with constants."""
    if call.followed.is_complex():
        return function(call)
    return moved(call.on(numbered(call.shape), lambda other: torch.full(other.shape, -1.0, dtype=torch.float64)), call)


def _adds(call: Call) -> LinearOperator:
    """A constant that is added is no part of the linear map; broadcasting is."""
    if call.followed.is_complex() or any(isinstance(arg, Tensor) and arg.is_complex() for arg in call.args):
        return function(call)
    sizes = [term.shape for term in call.args[:2] if isinstance(term, Tensor)]
    return moved(numbered(call.shape).broadcast_to(torch.broadcast_shapes(*sizes)), call)


def _multiplies(call: Call) -> LinearOperator | None:
    factor = call.args[1 - call.place] if len(call.args) > 1 else -1.0
    if (
        call.followed.is_complex()
        or isinstance(factor, complex)
        or (isinstance(factor, Tensor) and factor.is_complex())
    ):
        return function(call)
    return scaled(call, torch.as_tensor(factor, dtype=torch.float64))


def _divides(call: Call) -> LinearOperator | None:
    if call.place != 0 or call.kwargs.get("rounding_mode") is not None:
        return None
    divisor = call.args[1]
    if call.followed.is_complex() or (isinstance(divisor, Tensor) and divisor.is_complex()):
        return function(call)
    return scaled(call, 1 / torch.as_tensor(divisor, dtype=torch.float64))


def _chooses(call: Call) -> LinearOperator | None:
    """`where` and `masked_fill` by a constant mask: the rest is constant."""
    return function(call) if call.place > 0 or call.function.overloadpacket.__name__ != "where" else None


def _strides(call: Call) -> LinearOperator | Sequence[LinearOperator] | None:
    """A view of memory: numbers lie there in the order of the values only if the values lie without gaps."""
    x = call.followed
    whole = (
        x.is_contiguous() and not x.storage_offset() and x.untyped_storage().nbytes() == x.numel() * x.element_size()
    )
    return moves(call) if whole else None


def _samples(call: Call) -> LinearOperator | None:
    """On a grid that does not vary."""
    return function(call) if call.place == 0 else None


_MOVES = (
    *("view", "_unsafe_view", "reshape", "permute", "transpose", "t", "movedim", "squeeze", "unsqueeze", "expand"),
    *("slice", "select", "narrow", "diagonal", "index", "index_select", "split", "split_with_sizes", "unbind"),
    *("unsafe_split", "clone", "contiguous", "detach", "alias", "lift_fresh", "flip", "roll", "repeat", "unfold"),
    *("take", "gather", "pixel_shuffle", "pixel_unshuffle", "channel_shuffle", "native_channel_shuffle"),
    *("upsample_nearest1d", "upsample_nearest2d", "upsample_nearest3d", "_upsample_nearest_exact1d"),
    *("_upsample_nearest_exact2d", "reflection_pad1d", "reflection_pad2d", "reflection_pad3d"),
    *("replication_pad1d", "replication_pad2d", "replication_pad3d"),
)
_FUNCTIONS = (
    *("mean", "sum", "cumsum", "tril", "triu", "diag_embed", "index_add", "index_put", "scatter", "lerp", "addcmul"),
    *("bmm", "mv", "dot", "matmul", "baddbmm", "addmv", "addbmm", "im2col", "col2im"),
    *(
        "_fft_r2c",
        "_fft_c2c",
        "_fft_c2r",
        "view_as_real",
        "view_as_complex",
        "_conj",
        "_conj_physical",
        "conj_physical",
    ),
    *("avg_pool1d", "avg_pool3d", "adaptive_avg_pool2d", "_adaptive_avg_pool2d", "adaptive_avg_pool3d"),
    *("_adaptive_avg_pool3d", "upsample_linear1d", "upsample_bilinear2d", "upsample_bicubic2d"),
    *("upsample_trilinear3d", "_upsample_bilinear2d_aa", "_upsample_bicubic2d_aa"),
)
ADDS = frozenset(("add", "add_", "sub", "sub_", "rsub", "cat"))
"""Operations whose other tensors are added to the linear part, and do not change it."""

RULES: dict[str, Rule] = {
    **dict.fromkeys(_MOVES, moves),
    **dict.fromkeys(_FUNCTIONS, function),
    **dict.fromkeys(ADDS, _adds),
    **dict.fromkeys(("mul", "mul_", "neg", "neg_"), _multiplies),
    **dict.fromkeys(("div", "div_"), _divides),
    **dict.fromkeys(("native_batch_norm", "_native_batch_norm_legit_no_training"), normalises),
    "_to_copy": _casts,
    "constant_pad_nd": _pads,
    "cat": _joins,
    "convolution": convolves,
    "_convolution": convolves,  # as TorchScript calls it
    "avg_pool2d": pools,
    "linear": applies_matrix,
    "addmm": applies_matrix,
    "mm": applies_matrix,
    **dict.fromkeys(("where", "masked_fill"), _chooses),
    **dict.fromkeys(("grid_sampler_2d", "grid_sampler_3d"), _samples),
    "as_strided": _strides,
}
"""By the operation's name. What is not here counts as read in full, so that no null space comes out too large."""

READS_NOTHING = frozenset(
    [f"new_{what}" for what in ("zeros", "ones", "empty", "full")]
    + [f"{what}_like" for what in ("zeros", "ones", "empty", "full", "rand", "randn")]
)
"""Operations that take only the shape of a tensor."""

MEASURES = frozenset(("convolution", "_convolution", "avg_pool2d", "linear", "addmm", "mm", *_FUNCTIONS))
"""Operations that combine values: people call them the layer that reads the input."""
