"""Bounded contribution: no record, however hostile, weighs more than its norm bound."""

from __future__ import annotations

import torch
from torch import Tensor

SLACK = 1e-3
"""How far below the bound vectors are clipped, so that rounding in single precision takes none above it."""


def clip_factors(squared_norms: Tensor, max_norm: float) -> Tensor:
    """Factors in [0, 1] that bring vectors to at most `max_norm`; 0 for what is not finite.

    Args:
        squared_norms: of the vectors.
        max_norm: the bound on their norm.
    """
    norms = squared_norms.sqrt()
    factors = (max_norm * (1 - SLACK) / norms.clamp_min(torch.finfo(norms.dtype).tiny)).clamp(max=1.0)
    return torch.where(norms.isfinite(), factors, torch.zeros_like(factors))


def clip_rows(rows: Tensor, max_norm: float) -> Tensor:
    """Rows of (B, d) scaled to an l2 norm of at most `max_norm`, differentiably.

    A row with NaN or infinity becomes zero.

    Args:
        rows: (B, d).
        max_norm: the bound on their norm.
    """
    finite = rows.isfinite().all(1, keepdim=True)
    safe = torch.where(finite, rows, torch.zeros_like(rows))
    # Norms in double precision: the square of a large float32 overflows.
    return safe * clip_factors(safe.double().square().sum(1), max_norm).to(safe.dtype).unsqueeze(1)
