"""Split a perturbation into the part that a model provably ignores and the part that acts.

Source: Chen et al., arXiv 2402.02095: any perturbation is the sum of its projection on the null space, which changes
nothing, and the rest, which acts alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from guise.harmless.pictures.certificate import as_tensor
from guise.harmless.projection import Projector
from guise.harmless.sources import LoadedModel
from guise.models.errors import InputError


@dataclass(frozen=True)
class Decomposition:
    """A perturbation d = harmless + harmful of one picture.

    Attributes:
        harmless: the part in the null space, float64 (1, 3, H, W) in levels.
        harmful: the rest, orthogonal to it, of the same shape.
        harmless_share: |harmless|^2 / |d|^2; 0 where nothing was perturbed.
        effect: |f(x + d) - f(x)| / |f(x)|.
        unexplained: |f(x + harmful) - f(x + d)| / |f(x)|: rounding alone, if the harmful part does all of it.
    """

    harmless: Tensor
    harmful: Tensor
    harmless_share: float
    effect: float
    unexplained: float


def split(
    original: NDArray[np.uint8],
    perturbed: NDArray[np.uint8],
    model: nn.Module,
    projector: Projector,
    *,
    dtype: torch.dtype = torch.float64,
) -> Decomposition:
    """Split what was done to a picture.

    Args:
        original: uint8 (H, W, 3), of the size that the model reads.
        perturbed: of the same shape.
        model: in `dtype`.
        projector: onto the null space of what it reads.
        dtype: of the model; its rounding is what stays unexplained.

    Returns:
        Both parts and what they do to the model's output.

    Raises:
        InputError: the model fails on them.
    """
    x, d = as_tensor(original), as_tensor(perturbed) - as_tensor(original)
    null = projector.null(d)
    with torch.no_grad():
        clean, both, alone = (model(picture.to(dtype)).double() for picture in (x, x + d, x + d - null))
    size, whole = clean.norm().clamp(min=1e-12), d.square().sum()
    return Decomposition(
        harmless=null,
        harmful=d - null,
        harmless_share=float(null.square().sum() / whole) if float(whole) else 0.0,
        effect=float((both - clean).norm() / size),
        unexplained=float((alone - both).norm() / size),
    )


def precise(loaded: LoadedModel) -> torch.dtype:
    """Put a model into float64 where it runs so. Networks with constants of their own do not.

    Args:
        loaded: its model is changed in place.

    Returns:
        The dtype that the model has now.
    """
    try:
        with torch.no_grad():
            loaded.model.double()(torch.zeros(1, *loaded.input_shape, dtype=torch.float64))
    except InputError:
        loaded.model.float()
        return torch.float32
    return torch.float64


def visible(part: Tensor) -> NDArray[np.uint8]:
    """A perturbation as a picture around mid grey, stretched to its largest value.

    Args:
        part: (1, 3, H, W).

    Returns:
        uint8 (H, W, 3).
    """
    stretched = 127.5 * part[0] / part.abs().max().clamp(min=1e-12)
    return (128 + stretched).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
