"""The largest eigenvalues of a large symmetric matrix, where few of them count, and all of those."""

from __future__ import annotations

import torch
from torch import Tensor

_START = 160
"""Directions to begin with; half of them may count. Alignments by adapters have ranks up to 64, as a rule."""
_ROUNDS = 4
_CONVERGED = 1e-11
"""What a product with the matrix may leave off an eigenvector's direction, relative to the largest eigenvalue."""


def leading(gram: Tensor, *, least: float = 0.0, share: float | None = None) -> tuple[Tensor, Tensor]:
    """The eigenvalues above a limit, largest first, or the fewest that hold a share of the trace.

    Subspace iteration finds them, where they are few. A Cholesky factor of the rest then proves that none is left out
    (by Sylvester's law of inertia), in a tenth of the time of a decomposition, which is taken in all other cases.

    Args:
        gram: float64 (n, n), symmetric, no eigenvalue below zero but for rounding.
        least: the limit.
        share: of the trace, in [0, 1]; then the limit does not count.

    Returns:
        (k,) and orthonormal (n, k).
    """
    trace, size = float(gram.diagonal().sum()), _START
    generator = torch.Generator().manual_seed(0)
    while size <= len(gram) // 8:
        values, vectors, error = _iterated(gram, size, generator)
        kept = _kept(values, trace, least, share)
        if kept <= size // 2:
            if kept and float(error[:kept].max()) > _CONVERGED * float(values[0]):
                break
            found = values[:kept], vectors[:, :kept]
            if share is not None or _below(gram - (found[1] * found[0]) @ found[1].T, least):
                return found
            break
        size *= 3
    values, vectors = torch.linalg.eigh(gram)
    values, vectors = values.flip(0).clamp(min=0), vectors.flip(1)
    kept = _kept(values, trace, least, share)
    return values[:kept], vectors[:, :kept]


def _kept(values: Tensor, trace: float, least: float, share: float | None) -> int:
    if share is None:
        return int((values > least).sum())
    return int((values.cumsum(0) < share * trace * (1 - 1e-12)).sum()) + 1


def _iterated(gram: Tensor, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    """Approximate eigenpairs, largest first, and how far the products lie from the vectors' directions."""
    vectors = torch.randn(len(gram), size, dtype=gram.dtype, generator=generator)
    for _ in range(_ROUNDS):
        vectors = torch.linalg.qr(gram @ vectors)[0]
    product = gram @ vectors
    values, turn = torch.linalg.eigh(vectors.T @ product)
    values, turn = values.flip(0), turn.flip(1)
    vectors, product = vectors @ turn, product @ turn
    return values, vectors, (product - vectors * values).norm(dim=0)


def _below(gram: Tensor, most: float) -> bool:
    """Whether no eigenvalue lies above a number."""
    shifted = most * torch.eye(len(gram), dtype=gram.dtype) - gram
    return not int(torch.linalg.cholesky_ex(shifted)[1])
