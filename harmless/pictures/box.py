"""Stay inside [0, 255] and leave A x as it is, both at once. Clipping alone would change what the model reads."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from guise.harmless.projection import Blocks, Projector

LOW, HIGH = 0.0, 255.0


@dataclass(frozen=True)
class Fitted:
    """The result of `fit_to_box`.

    Attributes:
        pixels: of the wanted picture's shape and dtype, in [0, 255].
        error: |row part of (pixels - original)| / |row part of original|, the largest over the batch.
        iterations: taken.
    """

    pixels: Tensor
    error: float
    iterations: int


def fit_to_box(
    original: Tensor, wanted: Tensor, projector: Projector, *, tolerance: float = 1e-6, max_iterations: int = 500
) -> Fitted:
    """The picture closest to `wanted` among those in [0, 255] that measure as `original` does.

    There is always such a picture: the original itself. The dual is ascended with Nesterov's momentum, which restarts
    where it overshoots; without momentum this would be Dykstra's algorithm for the subspace and the box, and slow. The
    step of 1 is safe because a projector has norm 1. Source: A. Beck and M. Teboulle, SIAM J. Imaging Sci. 2, 2009; B.
    O'Donoghue and E. Candes, "Adaptive Restart for Accelerated Gradient Schemes", 2015.

    Args:
        original: (N, C, H, W) in [0, 255].
        wanted: of the same shape, without bounds.
        projector: onto the null space.
        tolerance: of `Fitted.error`.
        max_iterations: the search gives up after so many, with the error that it has reached.

    Returns:
        The picture and how well it measures.
    """
    size = float(_row(original, projector).flatten(1).norm(dim=1).clamp(min=1e-6).min())
    dual, momentum, weight = torch.zeros_like(wanted), torch.zeros_like(wanted), 1.0
    pixels, error, iteration = wanted, float("inf"), 0
    for iteration in range(1, max_iterations + 1):  # noqa: B007
        pixels = (wanted + momentum).clamp(LOW, HIGH)
        gradient = _row(pixels - original, projector)
        error = float(gradient.flatten(1).norm(dim=1).max()) / size
        if error <= tolerance:
            break
        ascended = momentum - gradient
        change = ascended - dual
        if float((gradient * change).sum()) > 0:  # uphill no more: the momentum is of no use
            weight = 1.0
        after = (1 + (1 + 4 * weight**2) ** 0.5) / 2
        momentum = ascended + (weight - 1) / after * change
        dual, weight = ascended, after
    return Fitted(pixels, error, iteration)


def _row(v: Tensor, projector: Projector) -> Tensor:
    return projector.row(v) if isinstance(projector, Blocks) else v - projector.null(v)
