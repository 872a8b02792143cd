"""What every linear operation offers."""

from __future__ import annotations

import math
import weakref
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

Shape = tuple[int, ...]
_UNREAD: weakref.WeakKeyDictionary[LinearOperator, Tensor] = weakref.WeakKeyDictionary()
"""Counting, measuring and projecting all ask for the same."""


@runtime_checkable
class LinearOperator(Protocol):
    """A linear map A from tensors of one shape to tensors of another, applied to a batch without forming a matrix.

    Guarantees:
        * `matvec` and `rmatvec` compute in the dtype of what they are given, float32 or float64.
        * They are adjoint: <A x, y> = <x, A^T y> up to rounding.

    Attributes:
        input_shape: of one item, without the batch; its size is n.
        output_shape: of one item; its size is m.
    """

    @property
    def input_shape(self) -> Shape: ...
    @property
    def output_shape(self) -> Shape: ...

    def matvec(self, x: Tensor) -> Tensor:
        """A x.

        Args:
            x: (N, *input_shape).

        Returns:
            (N, *output_shape).
        """
        ...

    def rmatvec(self, y: Tensor) -> Tensor:
        """A^T y.

        Args:
            y: (N, *output_shape).

        Returns:
            (N, *input_shape).
        """
        ...


def columns(operator: LinearOperator) -> int:
    """The number of values that the operator reads.

    Args:
        operator: any.

    Returns:
        n.
    """
    return math.prod(operator.input_shape)


def rows(operator: LinearOperator) -> int:
    """The number of values that the operator gives.

    Args:
        operator: any.

    Returns:
        m.
    """
    return math.prod(operator.output_shape)


def to_matrix(operator: LinearOperator) -> Tensor:
    """The operator written out. Only for small ones: a convolution over photos takes gigabytes.

    Args:
        operator: any.

    Returns:
        float64 (m, n).
    """
    n, m = columns(operator), rows(operator)
    if n <= m:
        unit = torch.eye(n, dtype=torch.float64).reshape(n, *operator.input_shape)
        return operator.matvec(unit).reshape(n, m).T.contiguous()
    unit = torch.eye(m, dtype=torch.float64).reshape(m, *operator.output_shape)
    return operator.rmatvec(unit).reshape(m, n)


def unread_entries(operator: LinearOperator) -> Tensor:
    """Entries that no measurement depends on, by pushing random measurements back.

    Args:
        operator: any.

    Returns:
        bool (*input_shape).
    """
    known = _UNREAD.get(operator)
    if known is None:
        generator = torch.Generator().manual_seed(0)
        y = torch.randn(2, *operator.output_shape, generator=generator, dtype=torch.float64)
        known = _UNREAD[operator] = (operator.rmatvec(y) == 0).all(0)
    return known
