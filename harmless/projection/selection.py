"""Operators that see only a part of the input: some entries, or mixed channels. What follows them does the work."""

from __future__ import annotations

from torch import Tensor

from guise.harmless.operators.base import LinearOperator
from guise.harmless.projection.base import Projector


class SelectionProjector:
    """Projection for A = B S with S S^T = 1: S loses what is orthogonal to its rows, and no more.

    Args:
        operator: A.
        selection: S.
        inner: projects onto the null space of B.
    """

    def __init__(self, operator: LinearOperator, selection: LinearOperator, inner: Projector) -> None:
        self.operator, self.selection, self.inner = operator, selection, inner
        self.method = inner.method
        self.singular_values, self.rank = inner.singular_values, inner.rank

    def null(self, v: Tensor) -> Tensor:
        """See `Projector.null`."""
        seen = self.selection.matvec(v)
        return v - self.selection.rmatvec(seen - self.inner.null(seen))
