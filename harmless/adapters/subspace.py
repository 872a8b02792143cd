"""The subspace of one layer in which an alignment moved its weights, and projections onto it.

V = W_aligned - W_base, (out, in). An update B A of the same layer is projected as (C B) A.
Source: Hsu et al., "Safe LoRA: The Silver Lining of Reducing Safety Risks when Fine-tuning Large Language Models",
NeurIPS 2024, section 3.2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from guise.harmless.adapters.spectrum import leading

Projection = Literal["orthogonal", "paper"]
_CHUNK = 512
"""Rows or columns of V that are taken in double precision at once."""


@dataclass(frozen=True)
class Share:
    """How much of an update lies in the subspace.

    Attributes:
        cosine: of the angle between the update and its projection; 0 where either is zero.
        energy: |C dW|^2 / |dW|^2. For the orthogonal projection this is the cosine squared.
    """

    cosine: float
    energy: float


class AlignedSubspace:
    """What the alignment of one layer spans.

    Guarantees:
        * The orthogonal projection is idempotent and symmetric, up to rounding.

    Args:
        base: (out, in), in the type in which it is stored.
        aligned: of the same shape.
        projection: "orthogonal": U U^T, U the left singular vectors of V that count. "paper": V V^T / |V|_F, which is
            no projector: it rescales what lies in the space, and twice is not once.
        energy: singular vectors count, largest first, until they hold this share of |V|_F^2. None: those whose
            singular value lies above what rounding to the stored type leaves in V, eps sqrt(rms(W_aligned)^2 +
            rms(W_base)^2) (sqrt(out) + sqrt(in)): the norm of a random matrix with such entries (Bai and Yin, 1993).
            An alignment that moved all of a layer's output then keeps every update.
    """

    def __init__(
        self, base: Tensor, aligned: Tensor, *, projection: Projection = "orthogonal", energy: float | None = None
    ) -> None:
        eps = max(torch.finfo(weight.dtype).eps for weight in (base, aligned))
        size = math.hypot(*(_rms(weight) for weight in (base, aligned)))
        self._v = aligned.float() - base.float()
        self.projection = projection
        self.norm = float(self._v.norm(dtype=torch.float64))
        """|V|_F; 0 where the alignment left the layer alone."""
        self.rank: int | None = None
        """Dimensions of the subspace; None for the paper's projection, which counts none."""
        self._u = torch.zeros(len(base), 0, dtype=torch.float64)
        self._factor: Tensor | None = None
        """Of V^T V, or of V V^T, where all of its singular values count: no decomposition is needed then."""
        if projection == "orthogonal":
            self._u = self._basis(energy, eps * size * sum(math.sqrt(side) for side in base.shape))
            self.rank = self._u.shape[1] if self._factor is None else len(self._factor)

    def project(self, b: Tensor) -> Tensor:
        """C B.

        Args:
            b: (out, rank of the adapter).

        Returns:
            float64 of the same shape.
        """
        b = b.double()
        if self.projection == "orthogonal" and self._factor is None:
            return self._u @ (self._u.T @ b)
        if self.norm == 0:
            return torch.zeros_like(b)
        if self.projection == "orthogonal" and len(self._v) <= self._v.shape[1]:
            return b  # every output is reached
        inner = torch.cat([part.double().T @ b for part in self._v.split(_CHUNK, 1)])
        inner = inner / self.norm if self._factor is None else torch.cholesky_solve(inner, self._factor)
        return torch.cat([part.double() @ inner for part in self._v.split(_CHUNK)])

    def _basis(self, energy: float | None, noise: float) -> Tensor:
        """Left singular vectors, from the smaller one of V V^T and V^T V."""
        out, inner = self._v.shape
        if self.norm == 0:
            return self._u
        axis = 1 if out <= inner else 0
        gram = torch.zeros(min(out, inner), min(out, inner), dtype=torch.float64)
        for part in self._v.split(_CHUNK, axis):
            half = part.double() if axis else part.double().T
            gram.addmm_(half, half.T)
        least = max(noise, 1e-7 * float(gram.diagonal().max().sqrt()))
        if energy is None and _above(gram, least**2):
            self._factor = torch.linalg.cholesky(gram)
            return self._u
        values, basis = leading(gram, least=least**2) if energy is None else leading(gram, share=energy)
        if not axis:
            spanned = torch.cat([part.double() @ basis for part in self._v.split(_CHUNK)])
            basis = torch.linalg.qr(spanned / values.sqrt())[0]
        return basis


def share(a: Tensor, b: Tensor, projected: Tensor) -> Share:
    """How much of the update B A lies in the subspace, without writing the update out.

    Args:
        a: (rank, in).
        b: (out, rank).
        projected: C B, (out, rank).

    Returns:
        Cosine and energy.
    """
    a, b, c = a.double(), b.double(), projected.double()
    product = a @ a.T
    inner, whole, part = (float((left.T @ right * product).sum()) for left, right in ((c, b), (b, b), (c, c)))
    if min(whole, part) <= 0:
        return Share(0.0, 0.0)
    return Share(inner / math.sqrt(whole * part), part / whole)


def _above(gram: Tensor, least: float) -> bool:
    """Whether all eigenvalues lie above a number; a Cholesky factor tells at a tenth of their cost."""
    shifted = gram - least * torch.eye(len(gram), dtype=gram.dtype)
    return not int(torch.linalg.cholesky_ex(shifted)[1])


def _rms(weight: Tensor) -> float:
    return float(weight.float().norm(dtype=torch.float64)) / math.sqrt(weight.numel())
