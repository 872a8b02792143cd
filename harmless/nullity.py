"""How large a null space is: by counting and by measuring; and which entries nothing reads at all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch

from guise.harmless.operators.base import LinearOperator, columns, rows, unread_entries
from guise.harmless.operators.combining import Composed
from guise.harmless.operators.convolution import Convolution
from guise.harmless.operators.matrix import Matrix
from guise.harmless.operators.simplify import simplified
from guise.harmless.projection.base import Projector
from guise.harmless.projection.channels import through_fewer
from guise.harmless.projection.gram import gram_rank
from guise.harmless.projection.ordered import independent
from guise.models.errors import InputError

PROBES = 4
"""Random vectors behind an estimate."""


@dataclass(frozen=True)
class Nullity:
    """The size of a null space.

    Attributes:
        n: size of the input.
        m: number of measurements.
        unread: entries of the input that no measurement depends on.
        formula: what counting gives for weights in general position; see `by_counting`.
        measured: n less the rank, counted on the singular values; None where they were not computed.
        estimated: the trace of the projector, estimated by random probes; None where `measured` is known. It is an
            upper bound where conjugate gradients did not converge.
        deviation: an upper bound on the standard deviation of `estimated`.
    """

    n: int
    m: int
    unread: int
    formula: int
    measured: int | None
    estimated: float | None = None
    deviation: float | None = None

    @property
    def best(self) -> int:
        """`measured` where known, else `estimated`, rounded."""
        return self.measured if self.measured is not None else round(self.estimated or 0)


def nullity(projector: Projector) -> Nullity:
    """The nullity of a projector's operator, by counting and by measuring.

    Args:
        projector: onto the null space.

    Returns:
        All sizes.
    """
    operator = projector.operator
    n, m = columns(operator), rows(operator)
    unread, formula = int(unread_entries(operator).sum()), by_counting(operator)
    if projector.rank is not None:
        return Nullity(n, m, unread, formula, n - projector.rank)
    rank = m if independent(operator) else gram_rank(operator)
    if rank is not None:
        return Nullity(n, m, unread, formula, n - rank)
    generator = torch.Generator().manual_seed(0)
    signs = 2.0 * torch.randint(0, 2, (PROBES, *operator.input_shape), generator=generator, dtype=torch.float64) - 1
    # Each alone: a batch would hold several times the input in memory.
    traces = [float((projector.null(probe[None]) * probe).sum()) for probe in signs]
    estimate = max(float(formula), math.fsum(traces) / PROBES)  # probes may err to where counting tells that none is
    return Nullity(n, m, unread, formula, None, estimate, math.sqrt(2 * min(estimate, n - estimate) / PROBES))


def within(joint: Nullity, parts: Sequence[Nullity]) -> Nullity:
    """A joint nullity within the bounds that its parts give: it ignores no more than any of them.

    Args:
        joint: of all operations together.
        parts: of each.

    Returns:
        The same; measured where the bounds meet, else the estimate between them.
    """
    if joint.measured is not None:
        return joint
    most = min((part.measured for part in parts if part.measured is not None), default=joint.n)
    ranks = [part.n - part.measured for part in parts if part.measured is not None]
    least = max(joint.unread, joint.n - sum(ranks)) if len(ranks) == len(parts) else joint.unread
    if least >= most:
        return replace(joint, measured=most, estimated=None, deviation=None)
    return replace(joint, estimated=float(min(max(joint.estimated or 0.0, least), most)))


def check_ignores(projector: Projector) -> None:
    """Refuse an operator that leaves nothing to fill: by its rank, or by counting where the rank is not known.

    Args:
        projector: onto the null space.

    Raises:
        InputError: the operator reads every dimension.
    """
    rank, n = projector.rank, columns(projector.operator)
    if rank == n or (rank is None and by_counting(projector.operator) == 0):
        raise InputError("the model reads every dimension of its input, so nothing can be replaced; see `approximate=`")


def by_counting(operator: LinearOperator) -> int:
    """Nullity for weights in general position: entries not read + max(0, entries read - m).

    It is summed over parts of the input that share no measurement, because too many measurements of one part say
    nothing about another. Measurements that read nothing do not count. It is a lower bound: at borders a kernel reads
    fewer values than it gives, and the measurements that are superfluous there are not taken off.

    Args:
        operator: any.

    Returns:
        The number of dimensions.
    """
    operator = simplified(operator)
    n, m = columns(operator), rows(operator)
    if (parts := through_fewer(operator)) is not None:
        return n - rows(parts[0]) + by_counting(parts[1])
    if isinstance(operator, Composed):  # no more comes through than through its narrowest step
        m = min(rows((through_fewer(step) or (step,))[0]) for step in operator.steps)
    if isinstance(operator, Matrix):
        width = operator.weight.shape[1]
        return operator.stretches * max(0, width - operator.weight.shape[0])
    unread = int(unread_entries(operator).sum())
    if not isinstance(operator, Convolution):
        return unread + max(0, n - unread - m)
    inner, out = operator.weight.shape[1], operator.weight.shape[0] // operator.groups
    down, across = (axis.components() for axis in operator.axes)
    free = sum(max(0, inner * h * w - out * k * q) for h, k in down for w, q in across)
    read = sum(h for h, _ in down) * sum(w for w, _ in across)
    return operator.groups * (free + inner * (math.prod(operator.planes[1:]) - read))
