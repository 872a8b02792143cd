"""What a model provably ignores, as numbers: `inspect` puts the parts together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from guise.harmless.nullity import Nullity, nullity, unread_entries
from guise.harmless.operators.base import LinearOperator, Shape
from guise.harmless.projection import CGSettings, Projector, leakage, projector
from guise.harmless.tracing import Reading

NEAR_NULL = (1e-3, 1e-2)
"""Directions are near-null where they are shrunk below this share of what the most sensitive one gets."""

_FEW = CGSettings(max_iterations=200)
"""What badly conditioned layers leave after these shows as leakage."""


@dataclass(frozen=True)
class Space:
    """The null space of one operation, or of all that read a tensor jointly.

    Attributes:
        name: of the part of the reading, or "joint".
        operator: in short, such as "Convolution 3x224x224 -> 768x7x7".
        nullity: n, m and the nullity, counted and measured.
        unread_pixels: positions of the input that no channel is read at; None where the input is no image.
        method: of projection.
        condition: largest singular value over the smallest that is not zero; None where they are unknown.
        near_null: share of the n dimensions that are null or near-null, for each limit of `NEAR_NULL`; None likewise.
        leakage: |A P v| / (|A| |v|) of a random v, measured.
        singular_values: float64, largest first; None where they are unknown.
    """

    name: str
    operator: str
    nullity: Nullity
    unread_pixels: int | None
    method: str
    condition: float | None
    near_null: dict[float, float] | None
    leakage: float
    singular_values: Tensor | None


def inspect(reading: Reading) -> list[Space]:
    """One space for each part of `reading`, and the joint one last where there are several."""
    operators = [(part.name, part.operator) for part in reading.parts]
    if len(operators) > 1:
        operators.append(("joint", reading.joint))
    return [_space(name, projector(one, settings=_FEW), reading.input_shape) for name, one in operators]


def _space(name: str, found: Projector, shape: Shape) -> Space:
    values, rank, n = found.singular_values, found.rank, torch.Size(shape).numel()
    condition = near = None
    if values is not None and rank:
        condition = float(values[0] / values[rank - 1])
        near = {limit: 1 - float((values > limit * values[0]).sum()) / n for limit in NEAR_NULL}
    v = torch.randn(1, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    unread = unread_entries(found.operator)
    return Space(
        name=name,
        operator=describe(found.operator),
        nullity=nullity(found),
        unread_pixels=int(unread.all(0).sum()) if len(shape) == 3 else None,
        method=found.method,
        condition=condition,
        near_null=near,
        leakage=leakage(found, v),
        singular_values=values,
    )


def describe(operator: LinearOperator) -> str:
    """The kind of an operator and its shapes, in a few words."""
    sizes = ["x".join(map(str, shape)) for shape in (operator.input_shape, operator.output_shape)]
    return f"{type(operator).__name__} {sizes[0]} -> {sizes[1]}"
