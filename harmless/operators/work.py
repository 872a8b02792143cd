"""How much work it is to apply an operator."""

from __future__ import annotations

from guise.harmless.operators.base import LinearOperator, columns, rows
from guise.harmless.operators.combining import Composed, Stacked, Summed
from guise.harmless.operators.convolution import Convolution
from guise.harmless.operators.matrix import Matrix


def multiplications(operator: LinearOperator) -> int:
    """How many multiplications A x takes, roughly.

    Args:
        operator: A.

    Returns:
        Their number, at least 1; that of entries where the operator is of an unknown kind.
    """
    if isinstance(operator, Composed):
        return sum(multiplications(step) for step in operator.steps)
    if isinstance(operator, Stacked | Summed):
        return sum(multiplications(part) for part in operator.parts)
    if isinstance(operator, Convolution):
        return max(1, rows(operator) * operator.weight[0].numel())
    if isinstance(operator, Matrix):
        return max(1, operator.stretches * operator.weight.numel())
    return max(1, rows(operator) + columns(operator))
