"""Layers of separate windows, of which sums over windows are read: such as the mean over all patches.

The layer treats windows alike, W each. What follows treats channels alike, and combines windows by t: then
A = (t x I)(I x W) = t x W, and the row space is that of t times that of W, whatever the number of windows.
"""

from __future__ import annotations

import torch
from torch import Tensor

from guise.harmless.operators.base import LinearOperator, rows
from guise.harmless.operators.combining import Composed
from guise.harmless.operators.convolution import Convolution
from guise.harmless.operators.matrix import Matrix
from guise.harmless.projection.base import row_basis
from guise.harmless.projection.blocks import Blocks, splits
from guise.models.counting import counted

_MOST = 64
"""Sums over windows; more are rarely worth while."""
_SAME = 1e-10
"""Up to which two ways of computing must agree, relative to the result."""
_SURE = 1e-11
"""Relative to the largest eigenvalue of t^T t, which is a square: what is above it is not zero."""
_ZERO = 1e-12
"""What t leaves of the other directions, relative to the largest singular value: all of it is rounding."""


class Kronecker:
    """Projection window by window and over windows, for operators that `kronecker` tells of.

    Args:
        operator: all of it.
        layer: its first step, of separate windows.
        sizes: float64 (r,): singular values of t that are not zero.
        over: float64 (windows, r): an orthonormal basis of t's rows.
    """

    def __init__(self, operator: LinearOperator, layer: Convolution | Matrix, sizes: Tensor, over: Tensor) -> None:
        self.operator, self._over = operator, over
        self._blocks = Blocks(layer)
        values, basis = row_basis(self._blocks.block[0])
        self._basis = basis[:, basis.any(0)]
        self.method = f"{self._blocks.method}, of which {counted(len(sizes), 'sum is', 'sums are')} read"
        self.rank = len(sizes) * self._basis.shape[1]
        self.singular_values = torch.outer(sizes, values).flatten().sort(descending=True).values

    def null(self, v: Tensor) -> Tensor:
        """See `Projector.null`."""
        over, basis = self._over.to(v), self._basis.to(v)
        for _ in range(2 if v.dtype == torch.float64 else 1):
            v = v - self._blocks.join(over @ (over.mT @ self._blocks.split(v) @ basis) @ basis.mT)
        return v


def kronecker(operator: LinearOperator) -> Kronecker | None:
    """The projector, where what follows a layer of separate windows sums windows, and treats channels alike.

    Args:
        operator: any.

    Returns:
        The projector; None for operators of another kind.
    """
    if not isinstance(operator, Composed) or len(operator.steps) < 2:
        return None
    layer, tail = operator.steps[0], Composed(operator.steps[1:])
    if not isinstance(layer, Convolution | Matrix) or not splits(layer):
        return None
    if isinstance(layer, Convolution) and layer.groups > 1:
        return None
    sums = _sums(layer, tail)
    return None if sums is None else Kronecker(operator, layer, *sums)


def _sums(layer: Convolution | Matrix, tail: LinearOperator) -> tuple[Tensor, Tensor] | None:
    """Singular values and rows of t, where T^T T = t^T t x I; None where it is of another kind."""
    channels = len(layer.weight)
    windows = torch.Size(layer.output_shape).numel() // channels
    few = rows(tail) // channels
    if rows(tail) % channels or not 0 < few < min(windows, channels, _MOST):
        return None

    def shaped(values: Tensor) -> Tensor:
        """(windows, C) as the layer puts it out."""
        return (values if isinstance(layer, Matrix) else values.mT).reshape(1, *layer.output_shape)

    def normal(values: Tensor) -> Tensor:
        """T^T T of (windows, C)."""
        back = tail.rmatvec(tail.matvec(shaped(values)))
        return back.reshape(windows, channels) if isinstance(layer, Matrix) else back.reshape(channels, windows).mT

    def along(directions: Tensor) -> Tensor:
        """t^T t of (windows, k): each direction in a channel of its own, as channels are treated alike."""
        packed = torch.zeros(windows, channels, dtype=torch.float64)
        packed[:, : directions.shape[1]] = directions
        return normal(packed)[:, : directions.shape[1]]

    generator = torch.Generator().manual_seed(0)
    # t^T t has no more than so many directions: random ones hit all of them.
    basis = torch.linalg.qr(along(torch.randn(windows, few + 1, generator=generator, dtype=torch.float64))).Q
    core = basis.mT @ along(basis)
    values, vectors = torch.linalg.eigh((core + core.mT) / 2)
    kept = values >= _SURE * values[-1]
    if not float(values[-1]) > 0:
        return None
    over = basis @ vectors[:, kept]
    every = torch.randn(windows, channels, generator=generator, dtype=torch.float64)
    expected = normal(every)
    if float((over * values[kept] @ (over.mT @ every) - expected).norm()) > _SAME * float(expected.norm()):
        return None
    rest = every - over @ (over.mT @ every)  # squares hide what is small: it is looked at itself
    left = float(tail.matvec(shaped(rest)).norm()) / float(rest.norm())
    return (values[kept].sqrt(), over) if left <= _ZERO * float(values[-1]) ** 0.5 else None
