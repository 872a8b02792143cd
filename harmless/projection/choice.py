"""Which way of projecting the structure of an operator allows."""

from __future__ import annotations

from torch import Tensor

from guise.harmless.operators.base import LinearOperator
from guise.harmless.operators.combining import Composed
from guise.harmless.operators.convolution import Convolution
from guise.harmless.operators.gather import Gather
from guise.harmless.operators.simplify import simplified
from guise.harmless.projection.banded import Banded, bandable, banded_bytes
from guise.harmless.projection.base import Projector
from guise.harmless.projection.blocks import Blocks, splits
from guise.harmless.projection.bordered import Bordered, bordered
from guise.harmless.projection.channels import through_fewer
from guise.harmless.projection.dense import Dense, small
from guise.harmless.projection.fourier import Fourier, circulant
from guise.harmless.projection.injective import Unread, injective
from guise.harmless.projection.iterative import CGSettings, ConjugateGradients, largest_singular_value
from guise.harmless.projection.kronecker import kronecker
from guise.harmless.projection.low_rank import LowRank, correction
from guise.harmless.projection.mask import MaskProjector
from guise.harmless.projection.ordered import tells_apart
from guise.harmless.projection.selection import SelectionProjector
from guise.harmless.projection.tiles import Tiles, tiled

_BANDED_BYTES = 2**28


class _UnrankedError(Exception):
    """Only ways are left that do not tell the rank."""


def projector(operator: LinearOperator, *, settings: CGSettings | None = None) -> Projector:
    """The projector onto the null space of an operator; exact ways come before iterative ones.

    Args:
        operator: any.
        settings: of conjugate gradients, where no exact way fits.

    Returns:
        The projector.
    """
    return _project(simplified(operator), settings)


def ranked_projector(operator: LinearOperator) -> Projector | None:
    """The projector where it tells the rank; no time goes into others.

    Args:
        operator: any.

    Returns:
        The projector; None where no exact way tells the rank.
    """
    try:
        return _project(simplified(operator), None, ranked=True)
    except _UnrankedError:
        return None


def leakage(projector: Projector, v: Tensor) -> float:
    """How far the null part of v is from null: |A P v| / (|A| |v|).

    Args:
        projector: P, onto the null space of A.
        v: (N, *input_shape).

    Returns:
        The largest value over the batch.
    """
    operator = projector.operator
    left = operator.matvec(projector.null(v)).flatten(1).norm(dim=1)
    size = v.flatten(1).norm(dim=1).clamp(min=1e-30)
    return float((left / size).max()) / max(largest_singular_value(operator, tolerance=1e-2), 1e-30)


def _project(operator: LinearOperator, settings: CGSettings | None, *, ranked: bool = False) -> Projector:
    if isinstance(operator, Gather):
        return MaskProjector(operator)
    if isinstance(operator, Composed):
        first, rest = operator.steps[0], operator.steps[1:]
        if isinstance(first, Gather) and _copies_once(first):
            behind = _project(rest[0] if len(rest) == 1 else Composed(rest), settings, ranked=ranked)
            return SelectionProjector(operator, first, behind)
        if (corrected := correction(first)) is not None:
            behind = _project(rest[0] if len(rest) == 1 else Composed(rest), settings, ranked=ranked)
            if behind.rank is not None:
                return LowRank(operator, behind, *corrected)
    if splits(operator):
        return Blocks(operator)
    if isinstance(operator, Convolution) and bordered(operator):
        return Bordered(operator)
    if isinstance(operator, Convolution) and circulant(operator):
        return Fourier(operator)
    if (parts := through_fewer(operator)) is not None:
        return SelectionProjector(operator, parts[0], _project(parts[1], settings, ranked=ranked))
    if tiled(operator):
        return Tiles(operator)
    if (summed := kronecker(operator)) is not None:
        return summed
    dense = Dense(operator) if small(operator) else None
    if dense is not None and dense.accurate:
        return dense
    if dense is None and (tells_apart(operator) or injective(operator)):
        return Unread(operator)
    if ranked and dense is None:
        raise _UnrankedError
    if isinstance(operator, Convolution) and bandable(operator) and banded_bytes(operator) <= _BANDED_BYTES:
        banded = Banded(operator)
        if dense is not None:
            banded.singular_values, banded.rank = dense.singular_values, dense.rank
        return banded
    if dense is not None:
        return dense
    return ConjugateGradients(operator, settings=settings)


def _copies_once(gather: Gather) -> bool:
    return not bool(gather.zeros.any()) and len(gather.index.unique()) == len(gather.index)
