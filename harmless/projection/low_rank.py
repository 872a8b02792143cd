"""A layer behind a small correction, such as taking off each photo's mean: A (I + U V^T) with few columns in U."""

from __future__ import annotations

import torch
from torch import Tensor

from guise.harmless.operators.base import LinearOperator, Shape, columns
from guise.harmless.operators.combining import Composed, Summed
from guise.harmless.operators.gather import Gather
from guise.harmless.projection.base import Projector

_FEW = 16
_ZERO = 1e-10
"""What a direction leaves of its length, where nothing but rounding is left."""


def correction(operator: LinearOperator) -> tuple[Tensor, Tensor] | None:
    """U and V of I + U V^T.

    Args:
        operator: any.

    Returns:
        float64 (n, k) each, with few columns; None where the operator is of another kind.
    """
    if not isinstance(operator, Summed) or operator.input_shape != operator.output_shape:
        return None
    changes = [part for part in operator.parts if not _nothing(part)]
    if len(changes) != len(operator.parts) - 1:
        return None
    pairs = [_factors(part) for part in changes]
    known = [pair for pair in pairs if pair is not None]
    if len(known) != len(pairs):
        return None
    return torch.cat([u for u, _ in known], 1), torch.cat([v for _, v in known], 1)


class LowRank:
    """Projection onto N(A (I + U V^T)), from that onto N(A).

    Of N(A), what V does not see is null still: S. Each other null direction is x = z - U c with z in N(A) and
    V^T x = c, that is V^T z = (I + V^T U) c. As z counts modulo S, it lies in the span of P V, P being the projection
    onto N(A): a small system gives all c and z.

    Args:
        operator: all of it.
        inner: projects onto N(A); its rank is known.
        u: (n, k).
        v: (n, k).
    """

    singular_values: Tensor | None = None

    def __init__(self, operator: LinearOperator, inner: Projector, u: Tensor, v: Tensor) -> None:
        assert inner.rank is not None
        self.operator, self._inner = operator, inner
        self.method = f"{inner.method}, behind a correction of rank {u.shape[1]}"
        shape, size = operator.input_shape, v.norm(dim=0).clamp(min=1e-300)
        u, v = u * size, v / size  # as large as the identity that they are set against
        self._seen = _basis(_project(inner, v, shape), v.norm())
        system = torch.cat([v.T @ self._seen, -(torch.eye(u.shape[1], dtype=u.dtype) + v.T @ u)], 1)
        _, values, right = torch.linalg.svd(system, full_matrices=True)
        free = right[int((values > _ZERO * values[0].clamp(min=1)).sum()) :].T
        extra = self._seen @ free[: self._seen.shape[1]] - u @ free[self._seen.shape[1] :]
        inside = self._within(extra, shape)
        self._extra = _basis(extra - inside, extra.norm())
        self._shape: Shape = shape
        self.rank = inner.rank + self._seen.shape[1] - self._extra.shape[1]

    def _within(self, vectors: Tensor, shape: Shape) -> Tensor:
        """The part of vectors in S."""
        null = _project(self._inner, vectors, shape)
        inside: Tensor = null - self._seen @ (self._seen.T @ null)
        return inside

    def null(self, v: Tensor) -> Tensor:
        """See `Projector.null`."""
        flat = self._inner.null(v).flatten(1)
        seen, extra = self._seen.to(v), self._extra.to(v)
        inside = flat - (flat @ seen) @ seen.T
        null: Tensor = inside + (v.flatten(1) @ extra) @ extra.T
        return null.view_as(v)


def _project(inner: Projector, vectors: Tensor, shape: Shape) -> Tensor:
    if not vectors.numel():
        return vectors
    null: Tensor = inner.null(vectors.T.reshape(-1, *shape)).flatten(1).T
    return null


def _basis(vectors: Tensor, size: Tensor) -> Tensor:
    """An orthonormal basis of their span."""
    if not vectors.numel():
        return vectors
    left, values, _ = torch.linalg.svd(vectors, full_matrices=False)
    basis: Tensor = left[:, values > _ZERO * size.clamp(min=1e-300)]
    return basis


def _nothing(part: LinearOperator) -> bool:
    steps = part.steps if isinstance(part, Composed) else (part,)
    return all(isinstance(step, Gather) and step.nothing for step in steps)


def _factors(part: LinearOperator) -> tuple[Tensor, Tensor] | None:
    """U and V of U V^T, where the steps pass through few numbers."""
    steps = part.steps if isinstance(part, Composed) else (part,)
    sizes = [torch.Size(step.output_shape).numel() for step in steps]
    narrow = min(range(len(sizes)), key=sizes.__getitem__)
    if sizes[narrow] > _FEW:
        return None
    unit = torch.eye(sizes[narrow], dtype=torch.float64).reshape(-1, *steps[narrow].output_shape)
    before, after = Composed(steps[: narrow + 1]), steps[narrow + 1 :]
    v = before.rmatvec(unit).flatten(1).T
    u = (Composed(after).matvec(unit) if after else unit).flatten(1).T
    assert len(v) == columns(part)
    return u, v
