"""Operators that see only a part of the input: some entries, or mixed channels. What follows them does the work."""

from __future__ import annotations

from torch import Tensor

from guise.harmless.operators.base import LinearOperator
from guise.harmless.projection.base import Projector


class Picked:
    """Projection for A = B S, where S S^T is the identity: it loses what is orthogonal to its rows, and no more.

    Args:
        operator: A.
        pick: S.
        inner: projects onto the null space of B.
    """

    def __init__(self, operator: LinearOperator, pick: LinearOperator, inner: Projector) -> None:
        self.operator, self.pick, self.inner = operator, pick, inner
        self.method = inner.method
        self.singular_values, self.rank = inner.singular_values, inner.rank

    def null(self, v: Tensor) -> Tensor:
        seen = self.pick.matvec(v)
        return v - self.pick.rmatvec(seen - self.inner.null(seen))
