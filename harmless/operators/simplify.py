"""Rewrite chains of operations so that the structure of the layer inside them shows.

All rules keep the null space, but not the output: it may come out shifted in its channels, reordered, or with several
layers put together.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from guise.harmless.operators.base import LinearOperator
from guise.harmless.operators.combining import Composed, Stacked, Summed
from guise.harmless.operators.convolution import Convolution
from guise.harmless.operators.elementary import Scale
from guise.harmless.operators.gather import Gather
from guise.harmless.operators.kernels import padded, ring, side_by_side, summed, ungrouped, with_weight
from guise.harmless.operators.matrix import Matrix
from guise.harmless.operators.mixing import through_positions


def simplified(operator: LinearOperator) -> LinearOperator:
    """An operator with the same null space, of fewer and better known parts.

    Args:
        operator: any.

    Returns:
        The simpler operator; its output may be another.
    """
    if isinstance(operator, Stacked):
        return _merged([simplified(part) for part in operator.parts])
    if isinstance(operator, Summed):
        return _known(_added(operator))
    if not isinstance(operator, Composed):
        return _known(operator)
    steps = _shortened(operator.steps)
    while len(steps) > 1 and keeps_all(steps[-1]):
        steps.pop()
    if len(steps) > 1:
        steps = through_positions(steps)
    # Of a gather at the end only what it reads matters, not where it puts it.
    return _known(steps[0]) if len(steps) == 1 else Composed(steps)


def _shortened(operators: Sequence[LinearOperator]) -> list[LinearOperator]:
    """Fewer steps that give the same output."""
    steps = [_added(step) if isinstance(step, Summed) else step for step in operators]
    index = 0
    while index + 1 < len(steps):
        folded = _folded(steps[index], steps[index + 1])
        simpler = _moved(steps[index], steps[index + 1]) if folded is None else [folded]
        if simpler is None:
            index += 1
        else:
            steps[index : index + 2] = simpler
            index = max(index - 1, 0)
    return steps


def _added(operator: Summed) -> LinearOperator:
    """A sum of convolutions as a single one; the output stays as it is."""
    parts: list[LinearOperator] = []
    for part in operator.parts:
        steps = _shortened(part.steps) if isinstance(part, Composed) else [part]
        parts.append(steps[0] if len(steps) == 1 else Composed(steps))
    total = parts[0]
    for part in parts[1:]:
        both = summed(total, part) if isinstance(total, Convolution) else None
        if both is None:
            return Summed(parts)
        total = both
    return total


def _known(operator: LinearOperator) -> LinearOperator:
    """Every s-th pixel from the corner on, as a convolution: it can be merged with other convolutions."""
    if not isinstance(operator, Gather) or len(operator.input_shape) != 3 or operator.one_to_one:
        return operator
    channels, read = operator.input_shape[0], operator.read
    for stride in range(1, 5):
        grid = torch.zeros_like(read)
        grid[:, ::stride, ::stride] = True
        if torch.equal(read, grid):
            return Convolution(torch.ones(channels, 1, 1, 1), operator.input_shape, stride=stride, groups=channels)
    return operator


def _moved(first: LinearOperator, second: LinearOperator) -> list[LinearOperator] | None:
    """A factor for each entry before values are moved is a factor for each entry where they come to lie."""
    if isinstance(first, Scale) and isinstance(second, Summed):
        same = bool((first.factors == first.factors.flatten()[0]).all())  # a sum of linear maps keeps such a factor
        return [second, Scale(first.factors.flatten()[0], second.output_shape)] if same else None
    if not isinstance(first, Scale) or not isinstance(second, Gather):
        return None
    factors = first.factors.expand(first.input_shape).flatten()[second.index.clamp(min=0)]
    if len(second.output_shape) > 1 and bool(second.zeros.any()):
        # Zeros that are padded may have any factor. With their channel's, one for each channel stays one.
        rows, padding = (each.view(second.output_shape[0], -1) for each in (factors, second.zeros))
        factors = torch.where(padding, rows.gather(1, (~padding).int().argmax(1, keepdim=True)), rows)
    return [second, Scale(factors.view(second.output_shape), second.output_shape)]


def _folded(first: LinearOperator, second: LinearOperator) -> LinearOperator | None:
    """One operator for two in a row, where there is a simple one."""
    if isinstance(first, Gather) and isinstance(second, Gather):
        moved = torch.where(second.zeros, -1, first.index[second.index])
        return Gather(moved.view(second.output_shape), first.input_shape)
    if isinstance(first, Scale) and isinstance(second, Scale):
        return Scale(first.factors * second.factors, first.input_shape)
    if isinstance(first, Scale) and isinstance(second, Matrix):
        factors = second.split(first.factors.expand(first.input_shape)[None])[0, 0]
        if torch.equal(factors, factors[:1].expand_as(factors)):  # alike in all stretches
            return Matrix(second.weight * factors[0], second.input_shape, second.output_shape)
    if isinstance(first, Gather) and torch.equal(first.index, torch.arange(first.count)):
        if isinstance(second, Matrix):  # nothing but another shape
            return Matrix(second.weight, first.input_shape, second.output_shape)
        return second if first.input_shape == second.input_shape else None
    if isinstance(first, Scale) and isinstance(second, Convolution) and (scales := _of_channels(first)) is not None:
        each = scales.view(second.groups, 1, -1, 1, 1) * second.weight.unflatten(0, (second.groups, -1))
        return with_weight(second, each.flatten(0, 1), len(scales), groups=second.groups)
    if isinstance(first, Convolution) and isinstance(second, Scale) and (scales := _of_channels(second)) is not None:
        weight = scales.view(-1, 1, 1, 1) * first.weight
        return with_weight(first, weight, first.input_shape[0], groups=first.groups)
    if isinstance(first, Gather) and isinstance(second, Convolution):
        around = ring(first, second) or padded(first, second)
        if around is not None:
            return around
    if isinstance(second, Convolution) and (mix := _mix(first)) is not None:
        return with_weight(second, torch.einsum("ochw,ci->oihw", ungrouped(second), mix), mix.shape[1])
    if isinstance(first, Convolution) and (mix := _mix(second)) is not None:
        weight = torch.einsum("po,oihw->pihw", mix, ungrouped(first))
        return with_weight(first, weight, first.input_shape[0])
    return None


def _mix(operator: LinearOperator) -> Tensor | None:
    """The matrix over channels (C_out, C_in), where an operation does nothing else."""
    if isinstance(operator, Convolution) and operator.weight.shape[2:] == (1, 1):
        plain = operator.stride == (1, 1) and not any(axis.padded for axis in operator.axes)
        return ungrouped(operator)[:, :, 0, 0] if plain else None
    shape = operator.input_shape
    if len(shape) != 3:
        return None
    if isinstance(operator, Gather) and operator.output_shape[1:] == shape[1:] and len(operator.output_shape) == 3:
        first = operator.index.view(operator.output_shape)[:, 0, 0]
        pixels = shape[1] * shape[2]
        every = torch.where(first[:, None] < 0, -1, first[:, None] + torch.arange(pixels)).flatten()
        if bool((first[first >= 0] % pixels == 0).all()) and torch.equal(operator.index, every):
            mix = torch.zeros(len(first), shape[0], dtype=torch.float64)
            mix[(first >= 0).nonzero().flatten(), first[first >= 0] // pixels] = 1
            return mix
    return None


def _of_channels(operator: Scale) -> Tensor | None:
    """One factor a channel, where all its pixels have the same."""
    factors = operator.factors.expand(operator.input_shape).flatten(1)
    return factors[:, 0] if bool((factors == factors[:, :1]).all()) else None


def keeps_all(operator: LinearOperator) -> bool:
    """Whether an operator is known to be injective: it loses nothing.

    Args:
        operator: any.

    Returns:
        False where that is not known.
    """
    if isinstance(operator, Scale):
        return bool((operator.factors != 0).all())
    return isinstance(operator, Gather) and bool(operator.read.all())


def _merged(parts: Sequence[LinearOperator]) -> LinearOperator:
    """Convolutions side by side as a single one, where their outputs lie on the same grid."""
    whole = [part for part in parts if keeps_all(part)]
    if whole or len(parts) == 1:
        return (whole or list(parts))[0]
    joined: Convolution | None = None
    rest: list[LinearOperator] = []
    for part in parts:
        both = part if joined is None else side_by_side(joined, part)
        if isinstance(both, Convolution):
            joined = both
        else:
            rest.append(part)
    together = [*([] if joined is None else [joined]), *rest]
    return together[0] if len(together) == 1 else Stacked(together)
