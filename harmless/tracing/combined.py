"""Several followed tensors in one operation: sums of them are linear still, and so are they side by side."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import takewhile

import torch
from torch import Tensor

from guise.harmless.operators.base import LinearOperator, Shape
from guise.harmless.operators.combining import Composed, Summed
from guise.harmless.operators.elementary import Scale
from guise.harmless.operators.gather import Gather
from guise.harmless.tracing.call import Call, item_shape
from guise.harmless.tracing.making import numbered

Steps = tuple[LinearOperator, ...]


def combined(call: Call, followed: Sequence[Tensor], steps: Sequence[Steps]) -> Steps | None:
    """The steps that lead to what an operation makes of several followed tensors, or of one that comes in twice.

    Args:
        call: about to run.
        followed: the tensors.
        steps: how each comes from the root.

    Returns:
        The steps; None where the operation is not linear in all of them at once, or combines them in other ways.
    """
    name = call.function.overloadpacket.__name__
    if any(tensor.is_complex() for tensor in followed):
        return None
    if name in ("add", "add_", "sub", "sub_", "rsub"):
        return _sum(call, name, followed, steps)
    return _side_by_side(call, name, followed, steps) if name in ("cat", "stack") else None


def _sum(call: Call, name: str, followed: Sequence[Tensor], steps: Sequence[Steps]) -> Steps | None:
    terms = call.args[:2]
    if len(terms) < 2 or not all(isinstance(term, Tensor) for term in terms):
        return None
    alpha = float(call.argument("alpha", 1) or 0)
    factors = {"add": (1.0, alpha), "add_": (1.0, alpha), "rsub": (-alpha, 1.0)}.get(name, (1.0, -alpha))
    shape = torch.broadcast_shapes(*(term.shape for term in terms))
    paths = [path for path, tensor in zip(steps, followed, strict=True) if any(tensor is term for term in terms)]
    shared = _shared(paths)
    parts: list[LinearOperator] = []
    start: Shape | None = None
    for term, factor in zip(terms, factors, strict=True):
        path = next((path for path, tensor in zip(steps, followed, strict=True) if tensor is term), None)
        if path is None:
            continue  # a constant, or a function of what has been read
        spread = Gather(
            numbered(term.shape).broadcast_to(shape).long().reshape(item_shape(shape)), item_shape(term.shape)
        )
        rest: list[LinearOperator] = [*path[shared:], spread]
        if factor != 1:
            rest.append(Scale(torch.tensor(factor), spread.output_shape))
        parts.append(Composed(rest))
        start = parts[-1].input_shape
    return (*paths[0][:shared], Summed(parts)) if start is not None else None


def _side_by_side(call: Call, name: str, followed: Sequence[Tensor], steps: Sequence[Steps]) -> Steps | None:
    """Copies of values of one tensor, side by side: copies still, as where a photo's pixels are sorted in planes."""
    shared = _shared(steps)
    copies = []
    for tensor, path in zip(followed, steps, strict=True):
        rest = path[shared:]
        if any(not isinstance(step, Gather) for step in rest):
            return None
        start = rest[0].input_shape if rest else item_shape(tensor.shape)
        numbers = torch.arange(torch.Size(start).numel(), dtype=torch.int64)
        for step in rest:
            assert isinstance(step, Gather)
            numbers = torch.where(step.zeros, -1, numbers[step.index.clamp(min=0)])
        copies.append((tensor, numbers.reshape(tensor.shape), start))
    (start,) = {start for _, _, start in copies}

    def numbers_of(term: Tensor) -> Tensor:
        known = next((numbers for tensor, numbers, _ in copies if tensor is term), None)
        return torch.full(term.shape, -1) if known is None else known

    join = torch.cat if name == "cat" else torch.stack
    joined = join([numbers_of(term) for term in call.args[0]], call.argument("dim", 0) or 0)
    return (*steps[0][:shared], Gather(joined.reshape(item_shape(joined.shape)), start))


def _shared(paths: Sequence[Steps]) -> int:
    """How many first steps are the same objects in all paths."""
    together = zip(*paths, strict=False)
    return len(list(takewhile(lambda each: all(step is each[0] for step in each), together)))
