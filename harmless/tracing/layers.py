"""Rules of layers: normalisation by stored statistics, convolutions, pooling, matrices."""

from __future__ import annotations

from guise.harmless.operators.base import LinearOperator
from guise.harmless.operators.convolution import Convolution, average_pooling
from guise.harmless.operators.matrix import Matrix
from guise.harmless.tracing.call import Call
from guise.harmless.tracing.making import function, on_copies, scaled


def normalises(call: Call) -> LinearOperator | None:
    """Batch normalisation by stored statistics.

    Args:
        call: about to run.

    Returns:
        The operator; None where it takes statistics of the batch.
    """
    if call.argument("training", False) or call.argument("running_mean") is None:
        return None
    variance, weight = call.argument("running_var"), call.argument("weight")
    factor = (variance.double() + float(call.argument("eps"))).rsqrt()
    factor = factor if weight is None else factor * weight.double()
    return scaled(call, factor.view(1, -1, *[1] * (len(call.shape) - 2)))


def convolves(call: Call) -> LinearOperator | None:
    """A convolution of the photo by constant weights.

    Args:
        call: about to run.

    Returns:
        The operator; None where the weights come from the photo.
    """
    weight = call.argument("weight")
    if call.place != 0 or len(call.shape) != weight.ndim:
        return None
    if call.argument("transposed") or weight.ndim > 4:
        return function(call)
    how = {name: call.argument(name) for name in ("stride", "padding", "dilation", "groups")}
    return on_copies(call, lambda shape: Convolution(weight, shape, **how))


def pools(call: Call) -> LinearOperator:
    """Average pooling.

    Args:
        call: about to run.

    Returns:
        The operator.
    """
    kernel, stride = call.argument("kernel_size"), call.argument("stride") or call.argument("kernel_size")
    both = [list(each) * (2 // len(each)) for each in (kernel, stride, call.argument("padding", None) or [0])]
    uneven = not call.argument("count_include_pad", True) and any(both[2])  # borders are averages of fewer
    if call.argument("ceil_mode", False) or uneven or len(call.shape) != 4:
        return function(call)
    kernel, stride, padding = both
    return on_copies(call, lambda shape: average_pooling(shape, kernel=kernel, stride=stride, padding=padding))


def applies_matrix(call: Call) -> LinearOperator:
    """`mm`, `addmm` and `linear`, with a constant matrix on the right where structure is to be seen.

    Args:
        call: about to run.

    Returns:
        The operator.
    """
    name = call.function.overloadpacket.__name__
    right = {"linear": 0, "addmm": 1}.get(name, 0)
    if call.place != right or call.followed.is_complex():
        return function(call)
    weight = call.args[right + 1] if name == "linear" else call.args[right + 1].mT
    return Matrix(weight * float(call.kwargs.get("alpha", 1)), call.item)
