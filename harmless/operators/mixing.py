"""What happens after a layer at each of its positions alike, such as taking off a mean over channels, goes into it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from guise.harmless.operators.base import LinearOperator
from guise.harmless.operators.combining import Composed
from guise.harmless.operators.convolution import Convolution
from guise.harmless.operators.kernels import ungrouped, with_weight
from guise.harmless.operators.matrix import Matrix

_MOST = 2**27
"""Entries of what is computed on the way; more would take longer than it saves."""
_BATCH = 2**22
_SURE = 1e-11
"""Relative to the largest eigenvalue of T^T T, which is a square: what is above it is not zero."""
_ZERO = 1e-12
"""What T leaves of the other directions, relative to the largest singular value: all of it is rounding."""


def through_positions(steps: Sequence[LinearOperator]) -> list[LinearOperator]:
    """Steps in which the last layer takes in what comes after it, where that treats all positions alike.

    Args:
        steps: one after another, at least two.

    Returns:
        Steps with the same null space; as given where they are of another kind.
    """
    last = max((i for i, step in enumerate(steps) if isinstance(step, Convolution | Matrix)), default=len(steps) - 1)
    layer, tail = steps[last], steps[last + 1 :]
    if not tail or not isinstance(layer, Convolution | Matrix):
        return list(steps)
    mix = _mix(layer, tail[0] if len(tail) == 1 else Composed(tail))
    if mix is None:
        return list(steps)
    mixed: LinearOperator
    if isinstance(layer, Matrix):
        mixed = Matrix(mix @ layer.weight, layer.input_shape, (layer.stretches, len(mix)))
    else:
        weight = torch.einsum("po,oihw->pihw", mix, ungrouped(layer))
        mixed = with_weight(layer, weight, layer.input_shape[0])
    return [*steps[:last], mixed]


def _mix(layer: Convolution | Matrix, tail: LinearOperator) -> Tensor | None:
    """R (C', C) with R^T R = g, where T^T T applies g to the channels of each position, and nothing else.

    N(T A) = N(T^T T A) for any T, so that R tells all of T that the null space knows.
    """
    channels = len(layer.weight)
    positions = torch.Size(layer.output_shape).numel() // channels
    if channels * channels * positions > _MOST:
        return None

    def normal(values: Tensor) -> Tensor:
        """T^T T of (N, positions, C)."""
        given = values if isinstance(layer, Matrix) else values.transpose(1, 2)
        back = tail.rmatvec(tail.matvec(given.reshape(len(values), *layer.output_shape)))
        return (
            back.reshape(len(values), positions, channels)
            if isinstance(layer, Matrix)
            else back.reshape(len(values), channels, positions).transpose(1, 2)
        )

    # First what a wrong guess shows at once: one position must not reach another.
    generator = torch.Generator().manual_seed(0)
    single = torch.zeros(1, positions, channels, dtype=torch.float64)
    single[0, 0] = torch.randn(channels, generator=generator, dtype=torch.float64)
    reached = normal(single)[0]
    if positions > 1 and float(reached[1:].abs().max()) > 1e-12 * float(reached.abs().max()):
        return None
    unit = torch.eye(channels, dtype=torch.float64)
    rows = []
    for some in unit.split(max(1, _BATCH // (channels * positions))):
        first = torch.zeros(len(some), positions, channels, dtype=torch.float64)
        first[:, 0] = some
        rows.append(normal(first)[:, 0])
    gram = torch.cat(rows)
    every = torch.randn(1, positions, channels, generator=generator, dtype=torch.float64)
    expected = normal(every)
    if float((every @ gram - expected).norm()) > 1e-10 * float(expected.norm()):
        return None
    values, vectors = torch.linalg.eigh((gram + gram.T) / 2)
    kept = values >= _SURE * values[-1]
    if not bool(kept.any()):
        return None
    if not bool(kept.all()):  # squares hide what is small: these are looked at themselves
        rest = torch.zeros(int((~kept).sum()), positions, channels, dtype=torch.float64)
        rest[:, 0] = vectors[:, ~kept].T
        left = tail.matvec((rest if isinstance(layer, Matrix) else rest.mT).reshape(len(rest), *layer.output_shape))
        if float(left.flatten(1).norm(dim=1).max()) > _ZERO * float(values[-1]) ** 0.5:
            return None
    mix: Tensor = values[kept].sqrt()[:, None] * vectors[:, kept].T
    return mix
