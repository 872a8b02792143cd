"""Fully connected layers."""

from __future__ import annotations

import math

from torch import Tensor

from guise.harmless.operators.base import Shape


class Matrix:
    """A matrix applied to consecutive stretches of the input, as `torch.nn.Linear` is to the last axis.

    Args:
        weight: (m, n), for each stretch of n values.
        input_shape: its size must be a multiple of n.
        output_shape: its size must be that many times m. None: the input's shape with m in the place of n.

    Raises:
        ValueError: the input does not divide into stretches of n.
    """

    def __init__(self, weight: Tensor, input_shape: Shape, output_shape: Shape | None = None) -> None:
        self.weight = weight.detach().double()
        m, n = weight.shape
        self.stretches, rest = divmod(math.prod(input_shape), n)
        if rest:
            raise ValueError(f"a matrix of {m} x {n} does not fit inputs of {input_shape}")
        self.input_shape = input_shape
        last = len(input_shape) > 0 and input_shape[-1] == n
        usual = (*input_shape[:-1], m) if last else (self.stretches, m)
        self.output_shape: Shape = usual if output_shape is None else output_shape

    def split(self, x: Tensor) -> Tensor:
        """The stretches of the input.

        Args:
            x: (N, *input_shape).

        Returns:
            (N, 1, stretches, n).
        """
        return x.reshape(len(x), 1, self.stretches, -1)

    def join(self, blocks: Tensor) -> Tensor:
        """The inverse of `split`.

        Args:
            blocks: (N, 1, stretches, n).

        Returns:
            (N, *input_shape).
        """
        return blocks.reshape(len(blocks), *self.input_shape)

    def matvec(self, x: Tensor) -> Tensor:
        """See `LinearOperator.matvec`."""
        return (self.split(x) @ self.weight.to(x).T).reshape(len(x), *self.output_shape)

    def rmatvec(self, y: Tensor) -> Tensor:
        """See `LinearOperator.rmatvec`."""
        return self.join(y.reshape(len(y), 1, self.stretches, -1) @ self.weight.to(y))
