"""The rank of an operator with few rows or columns, by the eigenvalues of A A^T or A^T A, where they leave no doubt."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from guise.harmless.operators.base import LinearOperator, columns, rows

_MOST = 2048
_MOST_ENTRIES = 2**28
_BATCH = 2**23
_SAMPLED = 4
"""Entries of each row that are looked at first, in numbers of rows."""
_SURE = 1e-11
"""Relative to the largest eigenvalue, which is a square: what is above it is not zero."""
_ZERO = 1e-12
"""What is left of the other directions, relative to the largest singular value: all of it is rounding."""


def gram_rank(operator: LinearOperator) -> int | None:
    """The rank, where it can be counted without a decomposition of the whole matrix.

    Args:
        operator: any.

    Returns:
        The rank; None where the operator is too large, or an eigenvalue is neither zero nor clearly not.
    """
    n, m = columns(operator), rows(operator)
    few = min(n, m)
    if few > _MOST or n * m > _MOST_ENTRIES:
        return None
    wide = m <= n
    there, back = (operator.rmatvec, operator.matvec) if wide else (operator.matvec, operator.rmatvec)
    shape, batch = operator.output_shape if wide else operator.input_shape, max(1, _BATCH // max(n, m))
    unit = torch.eye(few, dtype=torch.float64)
    if _independent((there(some.reshape(-1, *shape)).flatten(1) for some in unit.split(batch)), few, max(n, m)):
        return few
    gram = torch.cat([back(there(some.reshape(-1, *shape))).flatten(1) for some in unit.split(batch)])
    values, vectors = torch.linalg.eigh((gram + gram.T) / 2)
    kept = values >= _SURE * values[-1]
    rest = vectors[:, ~kept].T  # squares hide what is small: these are looked at themselves
    largest = float(values[-1].clamp(min=0)) ** 0.5
    left = [
        float(there(some.reshape(-1, *shape)).flatten(1).norm(dim=1).max()) for some in rest.split(batch) if len(some)
    ]
    return int(kept.sum()) if max(left, default=0.0) <= _ZERO * max(largest, 1e-300) else None


def _independent(rows_of: Iterable[Tensor], few: int, many: int) -> bool:
    """Whether a sample of the entries of all rows shows that these are independent: in half the time of all products.

    Args:
        rows_of: (batch, many) each.
        few: rows.
        many: entries of a row.
    """
    places = torch.randperm(many, generator=torch.Generator().manual_seed(0))[: _SAMPLED * few]
    sample, largest = [], 0.0
    for some in rows_of:
        sample.append(some[:, places])
        largest = max(largest, float(some.square().sum(1).max()))
    chosen = torch.cat(sample)
    gram = chosen @ chosen.T
    gram.diagonal().sub_(_SURE * max(float(gram.norm()), largest))
    return len(places) >= few and not int(torch.linalg.cholesky_ex(gram)[1])
