"""Operations that only move values: crops, strides, flips, permutations, reshapes, zero padding, copies."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from guise.harmless.operators.base import Shape


class Gather:
    """Each output is a copy of an input, or zero.

    Args:
        index: int64 of the output's shape: which entry of the flattened input each output is, -1 for zero.
        input_shape: of one item.
    """

    def __init__(self, index: Tensor, input_shape: Shape) -> None:
        self.input_shape = input_shape
        self.output_shape: Shape = tuple(index.shape)
        self.index = index.flatten()
        self.zeros = self.index < 0
        self.count = math.prod(input_shape)

    @property
    def read(self) -> Tensor:
        """bool of the input's shape: whether some output copies that entry."""
        seen = torch.zeros(self.count + 1, dtype=torch.bool)
        seen[self.index] = True  # -1 is the last, which is dropped
        return seen[:-1].view(self.input_shape)

    @property
    def one_to_one(self) -> bool:
        """A permutation, so that its inverse is its adjoint."""
        return len(self.index) == self.count and bool(self.read.all())

    @property
    def nothing(self) -> bool:
        """The identity."""
        return self.output_shape == self.input_shape and torch.equal(self.index, torch.arange(self.count))

    def matvec(self, x: Tensor) -> Tensor:
        """See `LinearOperator.matvec`."""
        y = x.reshape(len(x), -1)[:, self.index.to(x.device)]
        if self.zeros.any():
            y = y.masked_fill(self.zeros.to(x.device), 0)
        return y.reshape(len(x), *self.output_shape)

    def rmatvec(self, y: Tensor) -> Tensor:
        """See `LinearOperator.rmatvec`."""
        kept = ~self.zeros.to(y.device)
        x = y.new_zeros(len(y), self.count)
        x.index_add_(1, self.index.to(y.device)[kept], y.reshape(len(y), -1)[:, kept])
        return x.reshape(len(y), *self.input_shape)


def reshaping(input_shape: Shape, output_shape: Shape) -> Gather:
    """The same values in another shape.

    Args:
        input_shape: of one item.
        output_shape: of the same size.

    Returns:
        The operator.
    """
    return Gather(torch.arange(math.prod(input_shape)).view(output_shape), input_shape)


def crop(input_shape: Shape, height: int, width: int) -> Gather:
    """The middle of a picture, as torchvision's CenterCrop takes it.

    Args:
        input_shape: (C, H, W).
        height: of the middle.
        width: of the middle.

    Returns:
        The operator.

    Raises:
        ValueError: the input is smaller.
    """
    if height > input_shape[1] or width > input_shape[2]:
        raise ValueError(f"{input_shape[1]}x{input_shape[2]} is smaller than the crop of {height}x{width}")
    top, left = round((input_shape[1] - height) / 2), round((input_shape[2] - width) / 2)
    every = torch.arange(math.prod(input_shape)).view(input_shape)
    return Gather(every[:, top : top + height, left : left + width], input_shape)
