"""Slow and obvious: one record at a time, one parameter vector at a time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from guise.dpaf.mechanisms.clipping import SLACK

HOSTILE = {
    "ordinary": lambda shape: torch.linspace(-1, 1, shape.numel()).view(shape),
    "huge": lambda shape: torch.full(shape, 3e37),
    "alternating huge": lambda shape: torch.full(shape, 3e37) * (-1) ** torch.arange(shape.numel()).view(shape),
    "NaN": lambda shape: torch.full(shape, torch.nan),
    "one NaN": lambda shape: torch.zeros(shape).index_fill_(-1, torch.tensor([0]), torch.nan),
    "infinite": lambda shape: torch.full(shape, torch.inf),
    "constant": torch.ones,
    "zero": torch.zeros,
}


def clipped_sums(
    module: nn.Module, records: Sequence[Tensor], loss: Callable[..., Tensor], *, max_norm: float
) -> dict[str, Tensor]:
    """The sum of gradients, each clipped, from one backward pass for each record."""
    named = {name: value for name, value in module.named_parameters() if value.requires_grad}
    sums = {name: torch.zeros_like(value, dtype=torch.float64) for name, value in named.items()}
    for place in range(len(records[0])):
        value = loss(*(values[place : place + 1] for values in records)).sum()
        gradients = torch.autograd.grad(value, list(named.values()), allow_unused=True)
        flat = torch.cat([g.flatten().double() for g in gradients if g is not None])
        if not flat.isfinite().all():
            continue
        factor = min(1.0, max_norm * (1 - SLACK) / max(float(flat.norm()), 1e-30))
        for name, gradient in zip(named, gradients, strict=True):
            if gradient is not None:
                sums[name] += factor * gradient.double()
    return sums


def norm(values: dict[str, Tensor]) -> float:
    """The l2 norm over all parameters."""
    return float(torch.cat([value.flatten() for value in values.values()]).norm())
