"""How rules make operators: values that were moved, factors, and any linear function."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from guise.harmless.operators.base import LinearOperator, Shape
from guise.harmless.operators.combining import Composed
from guise.harmless.operators.elementary import LinearFunction, Scale
from guise.harmless.operators.gather import Gather
from guise.harmless.tracing.call import Call, item_shape, real_item


def moved(numbers: Tensor, call: Call) -> Gather:
    """The gather that puts values where their numbers came to lie; -1 stands for zero.

    Args:
        numbers: as the operation moved them.
        call: about to run.

    Returns:
        The operator.
    """
    return Gather(numbers.long().reshape(item_shape(numbers.shape)), call.item)


def numbered(shape: Sequence[int]) -> Tensor:
    """The number of each value.

    Args:
        shape: of a tensor.

    Returns:
        float64 of that shape, from 0.
    """
    return torch.arange(math.prod(shape), dtype=torch.float64).reshape(tuple(shape))


def scaled(call: Call, factor: Tensor) -> LinearOperator:
    """A factor for each value.

    Args:
        call: about to run.
        factor: broadcastable with the followed tensor.

    Returns:
        The operator.
    """
    if tuple(torch.broadcast_shapes(factor.shape, call.shape)) != call.shape:
        return function(call)  # a product that grows
    return Scale(factor.broadcast_to(call.shape).reshape(call.item), call.item)


def on_copies(call: Call, operator: Callable[[Shape], LinearOperator]) -> LinearOperator:
    """An operation on a batch: on one photo, where all are copies of one. So a network runs that takes several at once.

    Args:
        call: about to run; the first dimension of the followed tensor counts photos.
        operator: what the operation is for one of a shape.

    Returns:
        The operator.
    """
    x = call.followed
    shape: Shape = tuple(x.shape[1:])
    if len(x) == 1:
        return operator(shape)
    if not torch.equal(x, x[:1].expand_as(x)):
        return function(call)
    single = operator(shape)
    first, every = numbered(shape).long(), numbered(single.output_shape).long()
    return Composed([Gather(first, call.item), single, Gather(every.expand(len(x), *every.shape), single.output_shape)])


def function(call: Call) -> LinearOperator:
    """Linear up to a constant, which is taken off; its structure is not used.

    Complex numbers count as pairs of real ones: their last dimension is of two.

    Args:
        call: about to run.

    Returns:
        The operator.
    """
    shape, item_size, pairs = call.shape, call.item, call.followed.is_complex()

    def run(x: Tensor) -> Tensor:
        def cast(other: Tensor) -> Tensor:
            if other.is_complex():
                return other.to(torch.complex128 if x.dtype == torch.float64 else torch.complex64)
            return other.to(x.dtype) if other.is_floating_point() else other

        def apply(item: Tensor) -> Tensor:
            given = torch.view_as_complex(item.view(*shape, 2)) if pairs else item.view(shape)
            made: Tensor = call.on(given, cast)
            return made

        constant = apply(x.new_zeros(x.shape[1:]))
        outputs = [apply(item.contiguous()) - constant for item in x]
        return torch.stack([real_item(y) for y in outputs])

    return LinearFunction(run, (*item_size, 2) if pairs else item_size)
