"""Convolutions with zero padding: block QR of A^T from the top row to the bottom.

Convolutions with nearly as many measurements as pixels are badly conditioned, and worse the larger the photo (11
against 12 values: 1e7 at 20 x 20 pixels), so that conjugate gradients stall. Output rows taken a few at a time make
the factor R of A^T = Q R block-bidiagonal; it is computed without the product A A^T, whose condition is the square.
P v = v - A^T R^-1 R^-T A v is then repeated on its own result: the corrected seminormal equations.
Source: A. Bjorck, "Stability Analysis of the Method of Seminormal Equations", Linear Algebra Appl. 88/89, 1987.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor
from torch.nn import functional as F

from guise.harmless.operators.base import to_matrix
from guise.harmless.operators.convolution import Convolution

_SHIFT = 1e-10
"""Relative to the largest entry: it keeps R invertible where outputs depend on one another."""
_MOST_REPEATS = 20


def bandable(operator: object) -> bool:
    """Whether `Banded` can take it.

    Args:
        operator: any.

    Returns:
        True for convolutions padded with zeros.
    """
    return isinstance(operator, Convolution) and all(axis.mode == "zeros" for axis in operator.axes)


def _rows_together(operator: Convolution) -> int:
    """Output rows in a block, so that only neighbouring blocks read the same input."""
    rows = operator.axes[0]
    return max(1, -(-rows.span // rows.stride) - 1)


def banded_bytes(operator: Convolution) -> int:
    """Memory that the factor takes.

    Args:
        operator: one that `Banded` can take.

    Returns:
        Bytes.
    """
    together = _rows_together(operator)
    size = operator.weight.shape[0] // operator.groups * together * operator.axes[1].outputs
    blocks = -(-operator.axes[0].outputs // together)
    return 16 * operator.groups * blocks * size**2


class Banded:
    """Projection by a banded factor. Directions that the operator shrinks below 1e-10 of its largest count as null.

    Args:
        operator: a convolution padded with zeros.

    Raises:
        ValueError: the padding is not of zeros.
    """

    method = "corrected seminormal equations, block QR"
    singular_values: Tensor | None = None
    rank: int | None = None

    def __init__(self, operator: Convolution) -> None:
        if not bandable(operator):
            raise ValueError("only convolutions with zero padding are banded")
        self.operator = operator
        self.together = _rows_together(operator)
        self.blocks = -(-operator.axes[0].outputs // self.together)
        slab = self._slab()
        size = slab.shape[-1]
        shift = _SHIFT * float(slab.abs().max()) * torch.eye(size, dtype=slab.dtype).expand(operator.groups, -1, -1)
        carry = slab.new_zeros(operator.groups, 0, size)
        self._diagonal: list[Tensor] = []
        self._off_diagonal: list[Tensor] = []
        for block in range(self.blocks):
            new = self._new_rows(slab, block)
            top = F.pad(torch.cat((carry, shift), 1), (0, size))
            r = torch.linalg.qr(torch.cat((top, new), 1), mode="r").R
            self._diagonal.append(r[:, :size, :size].contiguous())
            self._off_diagonal.append(r[:, :size, size:].contiguous())
            carry = r[:, size:, size:]

    def _slab(self) -> Tensor:
        """A^T of one block of output rows, as if no row were padding: (groups, rows, C_in / groups * W, outputs)."""
        rows, columns = self.operator.axes
        out, inner = self.operator.weight.shape[0] // self.operator.groups, self.operator.weight.shape[1]
        height = (self.together - 1) * rows.stride + rows.span
        matrices = []
        for weight in self.operator.weight.split(out):
            slab = Convolution(
                weight,
                (inner, height, columns.length),
                stride=(rows.stride, columns.stride),
                padding=((0, 0), (columns.before, columns.after)),
                dilation=(rows.dilation, columns.dilation),
            )
            matrix = to_matrix(slab).view(-1, inner, height, columns.length)
            matrices.append(matrix.permute(2, 1, 3, 0).flatten(1, 2))
        return torch.stack(matrices)

    def _new_rows(self, slab: Tensor, block: int) -> Tensor:
        """Equations of the input rows that this block is the first to read, for its outputs and the next block's."""
        rows = self.operator.axes[0]
        step, height = self.together * rows.stride, slab.shape[1]
        top = block * step - rows.before
        first = 0 if block == 0 else min(max(height - step, 0), height)
        both = []
        for index in range(first, height):
            if 0 <= top + index < rows.length:
                later = index - step
                coupled = slab[:, later] if later >= 0 else torch.zeros_like(slab[:, 0])
                both.append(torch.cat((self._only(slab[:, index], block), self._only(coupled, block + 1)), 2))
        size = slab.shape[-1]
        return torch.cat(both, 1) if both else slab.new_zeros(len(slab), 0, 2 * size)

    def _only(self, equations: Tensor, block: int) -> Tensor:
        """Outputs beyond the last row do not exist."""
        there = min(self.together, self.operator.axes[0].outputs - block * self.together)
        if there >= self.together:
            return equations
        shaped = equations.unflatten(-1, (-1, self.together, self.operator.axes[1].outputs)).clone()
        shaped[..., max(there, 0) :, :] = 0
        return cast(Tensor, shaped.flatten(-3))

    def null(self, v: Tensor) -> Tensor:
        """See `Projector.null`."""
        # Always in double precision: R is near singular where outputs depend on one another.
        part, wanted, before = v.double(), torch.finfo(v.dtype), torch.inf
        size = part.flatten(1).norm(dim=1).clamp(min=wanted.tiny)
        for _ in range(_MOST_REPEATS):
            change = self.operator.rmatvec(self._solve(self.operator.matvec(part)))
            part = part - change
            left = float((change.flatten(1).norm(dim=1) / size).max())
            if left < 4 * wanted.eps or left > before / 2:
                break
            before = left
        return part.to(v)

    def _solve(self, r: Tensor) -> Tensor:
        """(R^T R)^-1 r, forward and back through the blocks: (N, *output_shape) -> the same shape."""
        rows, columns = self.operator.axes
        missing = self.blocks * self.together - rows.outputs
        shaped = r.reshape(len(r), self.operator.groups, -1, rows.outputs, columns.outputs)
        padded = F.pad(shaped, (0, 0, 0, missing)).unflatten(3, (self.blocks, self.together))
        right = padded.permute(3, 1, 2, 4, 5, 0).flatten(2, 4)  # blocks, groups, outputs, N
        solved: list[Tensor] = []
        for index, part in enumerate(right):
            known = self._off_diagonal[index - 1].mT @ solved[-1] if index else 0
            solved.append(torch.linalg.solve_triangular(self._diagonal[index].mT, part - known, upper=False))
        for index in reversed(range(self.blocks)):
            known = self._off_diagonal[index] @ solved[index + 1] if index + 1 < self.blocks else 0
            solved[index] = torch.linalg.solve_triangular(self._diagonal[index], solved[index] - known, upper=True)
        z = torch.stack(solved).unflatten(2, (-1, self.together, columns.outputs)).permute(5, 1, 2, 0, 3, 4)
        return cast(Tensor, z.flatten(3, 4)[:, :, :, : rows.outputs].reshape(r.shape))
