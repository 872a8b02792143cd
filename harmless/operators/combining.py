"""One operation after another, several that read the same tensor, and sums of them."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from torch import Tensor

from guise.harmless.operators.base import LinearOperator, Shape, rows


class Composed:
    """Operations applied one after another.

    Args:
        steps: the operations, in the order in which they run.

    Raises:
        ValueError: a step does not take what the step before gives.
    """

    def __init__(self, steps: Sequence[LinearOperator]) -> None:
        self.steps = tuple(steps)
        for before, after in itertools.pairwise(self.steps):
            if before.output_shape != after.input_shape:
                raise ValueError(f"an output of {before.output_shape} does not fit an input of {after.input_shape}")
        self.input_shape = self.steps[0].input_shape
        self.output_shape = self.steps[-1].output_shape

    def matvec(self, x: Tensor) -> Tensor:
        """See `LinearOperator.matvec`."""
        for step in self.steps:
            x = step.matvec(x)
        return x

    def rmatvec(self, y: Tensor) -> Tensor:
        """See `LinearOperator.rmatvec`."""
        for step in reversed(self.steps):
            y = step.rmatvec(y)
        return y


class Stacked:
    """Several operations that read the same tensor: N([A1; A2; ...]) is where all their null spaces meet.

    Args:
        parts: the operations.

    Raises:
        ValueError: they read tensors of different shapes.
    """

    def __init__(self, parts: Sequence[LinearOperator]) -> None:
        self.parts = tuple(parts)
        shapes = {part.input_shape for part in self.parts}
        if len(shapes) != 1:
            raise ValueError(f"operations that read one tensor cannot take shapes {sorted(shapes)}")
        (self.input_shape,) = shapes
        self._sizes = [rows(part) for part in self.parts]
        self.output_shape: Shape = (sum(self._sizes),)

    def matvec(self, x: Tensor) -> Tensor:
        """See `LinearOperator.matvec`."""
        return torch.cat([part.matvec(x).flatten(1) for part in self.parts], 1)

    def rmatvec(self, y: Tensor) -> Tensor:
        """See `LinearOperator.rmatvec`."""
        total = torch.zeros(len(y), *self.input_shape, dtype=y.dtype, device=y.device)
        for part, piece in zip(self.parts, y.split(self._sizes, 1), strict=True):
            total += part.rmatvec(piece.reshape(len(y), *part.output_shape))
        return total


class Summed:
    """The sum of several operations on the same tensor, such as x less its mean.

    Args:
        parts: the operations.

    Raises:
        ValueError: they read, or give, tensors of different shapes.
    """

    def __init__(self, parts: Sequence[LinearOperator]) -> None:
        self.parts = tuple(parts)
        shapes = {(part.input_shape, part.output_shape) for part in self.parts}
        if len(shapes) != 1:
            raise ValueError(f"operations of shapes {sorted(shapes)} have no sum")
        ((self.input_shape, self.output_shape),) = shapes

    def matvec(self, x: Tensor) -> Tensor:
        """See `LinearOperator.matvec`."""
        return sum((part.matvec(x) for part in self.parts[1:]), self.parts[0].matvec(x))

    def rmatvec(self, y: Tensor) -> Tensor:
        """See `LinearOperator.rmatvec`."""
        return sum((part.rmatvec(y) for part in self.parts[1:]), self.parts[0].rmatvec(y))
