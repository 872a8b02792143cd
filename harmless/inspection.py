"""What a model provably ignores, as numbers: `inspect_trace` measures each linear operation that reads its input."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, replace
from typing import Any

import torch
from torch import Tensor

from guise.harmless.nullity import PROBES, Nullity, nullity, within
from guise.harmless.operators.base import LinearOperator, Shape, unread_entries
from guise.harmless.operators.work import multiplications
from guise.harmless.projection import CGSettings, Projector, leakage, projector
from guise.harmless.tracing import Trace

NEAR_NULL = (1e-3, 1e-2)
"""Directions are near-null where the operation shrinks them below this share of what the most sensitive one gets."""
CONVERGED = 1e-6
"""A larger leakage means that the projection did not converge."""

_MOST, _LEAST = 200, 5
"""Iterations. What badly conditioned layers leave after so many shows as leakage."""
_WORK = 2**38
"""Multiplications for the estimate of a single part: ten to thirty seconds."""


@dataclass(frozen=True)
class OperationSpace:
    """The null space of one operation, or of all that read a tensor jointly.

    Attributes:
        name: of the layer, or "joint".
        operation: in short, such as "Convolution 3x224x224 -> 768x7x7".
        size: n, m and the nullity, counted and measured.
        unread_pixels: positions of the input that no channel is read at; None where the input is no image.
        method: of projection.
        condition: largest singular value over the smallest that is not zero; None where they are unknown.
        near_null: share of the n dimensions that are null or near-null, for each limit of `NEAR_NULL`; None where the
            singular values are unknown.
        leakage: |A P v| / (|A| |v|) of a random v, measured.
        singular_values: float64, largest first; None where they are unknown.
    """

    name: str
    operation: str
    size: Nullity
    unread_pixels: int | None
    method: str
    condition: float | None
    near_null: dict[float, float] | None
    leakage: float
    singular_values: Tensor | None

    @property
    def converged(self) -> bool:
        """The projection is good to rounding; else the sizes that rest on it are upper bounds."""
        return not self.leakage > CONVERGED

    def as_dict(self) -> dict[str, Any]:
        """Everything as plain JSON values. Of the spectrum, which has a value a dimension, the deciles."""
        values = self.singular_values
        deciles = None
        if values is not None and len(values):
            deciles = [float(values[round(share / 10 * (len(values) - 1))]) for share in range(11)]
        return {
            "name": self.name,
            "operation": self.operation,
            **asdict(self.size),
            "unread_pixels": self.unread_pixels,
            "method": self.method,
            "condition": self.condition if self.condition is None or math.isfinite(self.condition) else None,
            "near_null": self.near_null and {str(limit): share for limit, share in self.near_null.items()},
            "leakage": self.leakage,
            "spectrum_deciles": deciles,
        }


@dataclass(frozen=True)
class Inspection:
    """What one model, or several jointly, provably ignore.

    Attributes:
        model: names of the models.
        layer: whose input was followed; None for the photo.
        shape: of the tensor that was followed.
        spaces: of each linear operation that reads it, and of all jointly, last, where there are several.
    """

    model: tuple[str, ...]
    layer: str | None
    shape: tuple[int, ...]
    spaces: tuple[OperationSpace, ...]

    def to_json(self) -> str:
        """All numbers as JSON, as `guise harmless inspect --json` prints them."""
        spaces = [space.as_dict() for space in self.spaces]
        report = {"model": list(self.model), "layer": self.layer, "shape": list(self.shape), "spaces": spaces}
        return json.dumps(report, indent=1, allow_nan=False)


def inspect_trace(trace: Trace) -> list[OperationSpace]:
    """Measure what the operations of a trace ignore.

    Args:
        trace: what a model reads.

    Returns:
        One space a part, and the joint one last where there are several parts.
    """
    shape, several = trace.input_shape, len(trace.parts) > 1
    joint = [_space("joint", _projector(trace.joint, _WORK // 4), shape)] if several else []
    share = _WORK // (4 * len(trace.parts)) if several else _WORK  # of the joint number parts are but the detail
    spaces = [_space(part.name, _projector(part.operator, share), shape) for part in trace.parts]
    return [*spaces, *(replace(all_, size=within(all_.size, [space.size for space in spaces])) for all_ in joint)]


def _projector(operator: LinearOperator, work: int) -> Projector:
    """The projector, with as many iterations as fit into so many multiplications where no exact way does."""
    each = 2 * multiplications(operator) * (PROBES + 1)
    return projector(operator, settings=CGSettings(max_iterations=min(_MOST, max(_LEAST, work // each))))


def describe(operator: LinearOperator) -> str:
    """The kind of an operator and its shapes, in a few words.

    Args:
        operator: any.

    Returns:
        Text such as "Convolution 3x224x224 -> 768x7x7".
    """
    sizes = ["x".join(map(str, shape)) for shape in (operator.input_shape, operator.output_shape)]
    return f"{type(operator).__name__} {sizes[0]} -> {sizes[1]}"


def _space(name: str, null: Projector, shape: Shape) -> OperationSpace:
    values, rank, n = null.singular_values, null.rank, torch.Size(shape).numel()
    condition = near = None
    if values is not None and rank:
        condition = float(values[0] / values[rank - 1])
        near = {limit: 1 - float((values > limit * values[0]).sum()) / n for limit in NEAR_NULL}
    v = torch.randn(1, *shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    unread = unread_entries(null.operator)
    return OperationSpace(
        name=name,
        operation=describe(null.operator),
        size=nullity(null),
        unread_pixels=int(unread.all(0).sum()) if len(shape) == 3 else None,
        method=null.method,
        condition=condition,
        near_null=near,
        leakage=leakage(null, v),
        singular_values=values,
    )
