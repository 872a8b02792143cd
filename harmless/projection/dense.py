"""Small operators: written out as a matrix and decomposed."""

from __future__ import annotations

from torch import Tensor

from guise.harmless.operators.base import LinearOperator, columns, rows, to_matrix
from guise.harmless.projection.base import cutoff, off_basis, row_basis

_MOST_ROWS = 1024
_MOST_ENTRIES = 2**22
_WELL = 1e5


def small(operator: LinearOperator) -> bool:
    """Whether the matrix and its decomposition cost a second or less.

    Args:
        operator: any.

    Returns:
        True where `Dense` is worth while.
    """
    n, m = columns(operator), rows(operator)
    return min(n, m) <= _MOST_ROWS and n * m <= _MOST_ENTRIES


class Dense:
    """Projection by the singular value decomposition of the whole matrix.

    The basis that an SVD gives is wrong by the matrix's condition number times 1e-16.

    Args:
        operator: a small one (see `small`).
    """

    method = "dense SVD"

    def __init__(self, operator: LinearOperator) -> None:
        self.operator = operator
        matrix = to_matrix(operator)
        self.singular_values, self._basis = row_basis(matrix)
        self.rank = int((self.singular_values > cutoff(float(self.singular_values[0]), *matrix.shape)).sum())

    @property
    def accurate(self) -> bool:
        """The basis is right to 1e-11 or so."""
        return self.rank == 0 or float(self.singular_values[0] / self.singular_values[self.rank - 1]) < _WELL

    def null(self, v: Tensor) -> Tensor:
        """See `Projector.null`."""
        return off_basis(v.reshape(1, len(v), -1), self._basis.to(v)).view_as(v)
