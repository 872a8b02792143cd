"""What every projector offers, and the one way to decide which singular values are zero."""

from __future__ import annotations

from typing import Protocol

import torch
from torch import Tensor

from guise.harmless.operators.base import LinearOperator


class Projector(Protocol):
    """The orthogonal projection onto the null space of an operator.

    Guarantees:
        * `null(v)` and `v - null(v)` are orthogonal, and the operator takes `null(v)` to zero, up to rounding.
        * It gives back the dtype that it is given.

    Attributes:
        operator: whose null space it is.
        method: how it is computed, in a few words.
        singular_values: float64 (k,), all that are not structurally zero, largest first; None where they are unknown.
        rank: of the operator, counted on its singular values; None where they are unknown.
    """

    @property
    def operator(self) -> LinearOperator: ...
    @property
    def method(self) -> str: ...
    @property
    def singular_values(self) -> Tensor | None: ...
    @property
    def rank(self) -> int | None: ...

    def null(self, v: Tensor) -> Tensor:
        """The part of v in the null space.

        Args:
            v: (N, *input_shape).

        Returns:
            Of the shape and dtype of v.
        """
        ...


def cutoff(largest: float, m: int, n: int) -> float:
    """The size up to which singular values count as zero, because rounding leaves as much.

    Source: `numpy.linalg.matrix_rank`.

    Args:
        largest: singular value of the matrix.
        m: rows of the matrix.
        n: columns of the matrix.

    Returns:
        The size.
    """
    return largest * max(m, n) * torch.finfo(torch.float64).eps


def row_basis(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """Singular values and an orthonormal basis of the row space.

    Args:
        matrix: (..., m, n).

    Returns:
        (..., k) and (..., n, k) with k = min(m, n). Columns that belong to singular values of zero are zero.
    """
    m, n = matrix.shape[-2:]
    if n > 2 * m:  # a tall QR first: an SVD of the small triangle is cheaper by far
        q, r = torch.linalg.qr(matrix.mH)
        _, values, right = torch.linalg.svd(r.mH, full_matrices=False)
        basis = q @ right.mH
    else:
        _, values, right = torch.linalg.svd(matrix, full_matrices=False)
        basis = right.mH
    largest = float(values.max()) if values.numel() else 0.0
    kept = values > cutoff(largest, m, n)
    return values, basis * kept.unsqueeze(-2).to(basis.dtype)


def off_basis(v: Tensor, basis: Tensor) -> Tensor:
    """Take out of vectors what lies along an orthonormal basis; in float64 twice, against rounding.

    Args:
        v: (..., L, n).
        basis: (..., n, k).

    Returns:
        Of the shape of v.
    """
    for _ in range(2 if v.dtype in (torch.float64, torch.complex128) else 1):
        v = v - (v @ basis.conj()) @ basis.mT
    return v
