"""Operators that see only some of the input, in another order: the projector of what follows does the work."""

from __future__ import annotations

from torch import Tensor

from harmless.operators.base import LinearOperator
from harmless.operators.gather import Gather
from harmless.projection.base import Projector


class Picked:
    """Projection for A = B S, where S copies some entries once each, so that S S^T is the identity.

    Args:
        operator: A.
        pick: S.
        inner: projects onto the null space of B.
    """

    def __init__(self, operator: LinearOperator, pick: Gather, inner: Projector) -> None:
        self.operator, self.pick, self.inner = operator, pick, inner
        self.method = inner.method
        self.singular_values, self.rank = inner.singular_values, inner.rank

    def null(self, v: Tensor) -> Tensor:
        seen = self.pick.matvec(v)
        return v - self.pick.rmatvec(seen - self.inner.null(seen))
