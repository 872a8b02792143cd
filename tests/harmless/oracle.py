"""The slow, obvious way that projectors are tested against."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from guise.harmless.operators import LinearOperator, to_matrix

Oracle = tuple[Tensor, int]


def dense_oracle(operator: LinearOperator) -> Oracle:
    """The projection matrix onto the null space and the rank, by numpy's SVD of the matrix written out.

    Where the matrix is badly conditioned, the null space of an SVD in float64 is itself wrong by the condition times
    1e-16; one step of refinement with residuals in extended precision takes that away.
    """
    matrix = to_matrix(operator).numpy()
    left, values, right = np.linalg.svd(matrix)
    rank = int((values > values.max(initial=0) * max(matrix.shape) * np.finfo(float).eps).sum())
    null = right[rank:].T
    if values[rank - 1] < 1e-4 * values[0]:
        leaked = (matrix.astype(np.longdouble) @ null.astype(np.longdouble)).astype(float)
        null = np.linalg.qr(null - right[:rank].T @ ((left[:, :rank].T @ leaked) / values[:rank, None]))[0]
    return torch.from_numpy(null @ null.T), rank


def random_input(operator: LinearOperator, count: int = 2, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, *operator.input_shape, generator=generator, dtype=torch.float64)
