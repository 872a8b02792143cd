"""Everything else: P v = v - A^T (A A^T)^+ A v without any matrix, by conjugate gradients."""

from __future__ import annotations

import math
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from guise.harmless.operators.base import LinearOperator

_WINDOW = 12
"""So many steps stand for all to come, because convergence may pause."""
_LARGEST: weakref.WeakKeyDictionary[LinearOperator, dict[tuple[int, float], float]] = weakref.WeakKeyDictionary()
"""Projecting and measuring what is left both ask for the largest singular value."""


@dataclass(frozen=True)
class CGSettings:
    """When to stop.

    Attributes:
        tolerance: estimated error of the projection, relative to what is projected. None: 1e-13 in float64, 1e-6 in
            float32.
        max_iterations: the most. `guise.harmless.projection.leakage` tells what is left then.
    """

    tolerance: float | None = None
    max_iterations: int = 3000


class ConjugateGradients:
    """Projection by conjugate gradients on A A^T, written in terms of A^T y, because only that is wanted.

    Each step takes off what v has along a direction A^T z. These directions are made orthogonal in turn, so the length
    of v never grows, whatever rounding does, and A is applied to it anew in each step. In exact arithmetic each step
    minimises the error of the projection. The square of that error is the sum of the squared steps to come, for which
    the last few stand.
    Source: M. R. Hestenes and E. Stiefel, "Methods of Conjugate Gradients for Solving Linear Systems", 1952; Z.
    Strakos and P. Tichy, "On Error Estimation in the Conjugate Gradient Method", ETNA 13, 2002.

    Args:
        operator: A.
        settings: when to stop.
    """

    method = "conjugate gradients"
    singular_values: Tensor | None = None
    rank: int | None = None

    def __init__(self, operator: LinearOperator, *, settings: CGSettings | None = None) -> None:
        self.operator = operator
        self.settings = settings or CGSettings()
        self.iterations = 0
        """Taken by the last projection."""
        self._scale = largest_singular_value(operator, tolerance=1e-2) ** 2  # tells what is rounding

    def null(self, v: Tensor) -> Tensor:
        """See `Projector.null`."""
        goal, noise = self._limits(v)
        direction, squared = torch.zeros_like(v), torch.ones(len(v), dtype=v.dtype, device=v.device)
        gains: deque[Tensor] = deque(maxlen=_WINDOW)
        self.iterations = 0
        while self.iterations < self.settings.max_iterations:
            self.iterations += 1
            gradient = self.operator.rmatvec(self.operator.matvec(v))
            direction = gradient - _scaled(direction, _dot(gradient, direction) / squared)
            squared = _dot(direction, direction)
            # What is no larger than rounding points anywhere, into the null space too.
            live = squared > noise
            squared = torch.where(live, squared, 1)
            step = torch.where(live, _dot(v, direction) / squared, 0)
            v = v - _scaled(direction, step)
            gains.append(step**2 * squared)
            if len(gains) == _WINDOW and bool((torch.stack(tuple(gains)).sum(0) <= goal).all()):
                break
        return v

    def _limits(self, v: Tensor) -> tuple[Tensor, Tensor]:
        """Squares of the error to reach and of the length below which a direction is rounding, for each item."""
        tolerance = self.settings.tolerance or (1e-6 if v.dtype == torch.float32 else 1e-13)
        squared = _dot(v, v)
        return tolerance**2 * squared, (8 * torch.finfo(v.dtype).eps * self._scale) ** 2 * squared


def solve(apply: Callable[[Tensor], Tensor], b: Tensor, *, iterations: int, tolerance: float = 0.0) -> Tensor:
    """z with `apply(z)` close to b, by plain conjugate gradients, where roughly is enough.

    Args:
        apply: linear, symmetric and positive semidefinite on the space of b and of what it gives.
        b: of any shape.
        iterations: at most.
        tolerance: of |b - apply(z)| / |b|.

    Returns:
        Of the shape of b.
    """
    z, residual, direction = torch.zeros_like(b), b, b
    size = residual.square().sum()
    goal = tolerance**2 * float(size)
    for _ in range(iterations):
        if float(size) <= goal:
            break
        curved = apply(direction)
        curvature = (direction * curved).sum()
        if not float(curvature) > 0:
            break
        step = size / curvature
        z, residual = z + step * direction, residual - step * curved
        before, size = size, residual.square().sum()
        direction = residual + size / before * direction
    return z


def largest_singular_value(operator: LinearOperator, *, steps: int = 20, tolerance: float = 0.0) -> float:
    """The largest singular value by power iteration, approached from below; close enough to tell what is small.

    Args:
        operator: any.
        steps: of the iteration, at most.
        tolerance: it ends where a step adds no more than this share.

    Returns:
        The value.
    """
    known = _LARGEST.setdefault(operator, {})
    if (steps, tolerance) not in known:
        known[steps, tolerance] = _by_powers(operator, steps, tolerance)
    return known[steps, tolerance]


def _by_powers(operator: LinearOperator, steps: int, tolerance: float) -> float:
    generator = torch.Generator().manual_seed(0)
    v = torch.randn(1, *operator.input_shape, generator=generator, dtype=torch.float64)
    size = 0.0
    for _ in range(steps):
        v = operator.rmatvec(operator.matvec(v / v.norm().clamp(min=torch.finfo(v.dtype).tiny)))
        before, size = size, float(v.norm())
        if size <= before * (1 + tolerance) and tolerance:
            break
    return math.sqrt(size)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return (a * b).flatten(1).sum(1)


def _scaled(x: Tensor, factor: Tensor) -> Tensor:
    return x * factor.view(-1, *[1] * (x.ndim - 1))
