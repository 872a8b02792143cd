"""Which of several operations on one tensor read nothing that another does not read already."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from guise.harmless.operators.base import LinearOperator, columns
from guise.harmless.projection.base import Projector
from guise.harmless.projection.choice import ranked_projector
from guise.harmless.projection.iterative import ConjugateGradients, largest_singular_value

_NOTHING = 1e-9


def contains(first: Projector, second: LinearOperator) -> bool:
    """Whether an operation's rows hold another's, so that what the one ignores the other ignores.

    The second is tried on random directions that the first ignores. If it read any, it would read these, but for a
    chance of zero.

    Args:
        first: onto the null space of the one.
        second: the other.

    Returns:
        True where they do; False too where the first projection is no exact one.
    """
    if first.rank is None or isinstance(first, ConjugateGradients):
        return False
    if first.rank == columns(first.operator):
        return True
    generator = torch.Generator().manual_seed(0)
    v = first.null(torch.randn(2, *second.input_shape, generator=generator, dtype=torch.float64))
    left = second.matvec(v).flatten(1).norm(dim=1)
    size = v.flatten(1).norm(dim=1).clamp(min=1e-30) * max(largest_singular_value(second), 1e-30)
    return bool((left <= _NOTHING * size).all())


def contained(operators: Sequence[LinearOperator]) -> list[list[int]]:
    """Which other operations hold the rows of each.

    Args:
        operators: on one tensor.

    Returns:
        For each its holders, by their places.
    """
    projectors = [ranked_projector(operator) for operator in operators]
    return [
        [j for j, holder in enumerate(projectors) if j != i and holder is not None and contains(holder, operator)]
        for i, operator in enumerate(operators)
    ]
