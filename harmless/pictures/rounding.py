"""Whole levels that change A x as little as can be found: rounding, then steps of one level where they help most.

Which integer point measures most like the original is a closest-vector problem, hard in general; this is a local search
with a memory of recent moves, which leaves the first minimum it falls into.
Source: F. Glover, "Tabu Search, Part I", ORSA J. Computing 1, 1989.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from guise.harmless.operators.base import LinearOperator
from guise.harmless.operators.convolution import Convolution
from guise.harmless.operators.matrix import Matrix
from guise.harmless.pictures.box import HIGH, LOW
from guise.harmless.projection import Blocks, Projector, SelectionProjector
from guise.harmless.projection.blocks import splits

_TENURE = 12
"""Moves that a pixel rests after one of its own."""
_WIDEST = 8192
"""Pixels of a block. The products of so many with one another fit into half a gigabyte."""
_REACH = {1: 8, 2: 8, 3: 8, 4: 3}
"""In blocks of so few values, such as the channels of a pixel, all changes up to so many levels are tried.
"""
_SMALLEST = 1e-4
"""What a change by one level costs, relative to a change by one in what is measured: next to nothing."""
_AT_ONCE = 1024


@dataclass(frozen=True)
class SearchSettings:
    """How long to search.

    Attributes:
        moves: in each block of the picture, or rounds of moves where it does not fall into blocks; without effect on
            blocks of so few values that all changes can be tried.
    """

    moves: int = 2000


def round_exactly(
    pixels: Tensor, original: Tensor, projector: Projector, *, settings: SearchSettings | None = None
) -> Tensor:
    """Integers in [0, 255] near `pixels`, with A times them near A times `original`.

    Args:
        pixels: float64 (1, C, H, W) in [0, 255], with A pixels = A original.
        original: of the same shape, integers.
        projector: onto the null space of A.
        settings: how long to search.

    Returns:
        float64 of the same shape.
    """
    settings = settings or SearchSettings()
    start = pixels.round().clamp(LOW, HIGH)
    if isinstance(projector, SelectionProjector) and splits(projector.selection):
        # What is selected of `pixels` measures as it should, though a null space behind it may have changed some of it.
        return _search_blocks(start, pixels, Blocks(projector.selection), settings)
    if isinstance(projector, Blocks) and projector.block.shape[2] <= _WIDEST:
        return _search_blocks(start, original, projector, settings)
    return _search_whole(start, original, projector.operator, settings)


def _search_blocks(start: Tensor, original: Tensor, blocks: Blocks, settings: SearchSettings) -> Tensor:
    """One move in every block at a time; blocks share no pixel, so moves do not meet."""
    split = blocks.split(start)
    values, error = split.clone(), split - blocks.split(original)
    for group, block in enumerate(blocks.block):
        if block.shape[1] in _REACH:
            values[0, group] = _try_all(values[0, group], error[0, group], block)
        else:
            values[0, group] = _search(values[0, group], error[0, group], block.T @ block, settings.moves)
    # Where no block reads, the rounded picture stays.
    return start + blocks.join(values - split)


def _try_all(values: Tensor, error: Tensor, block: Tensor) -> Tensor:
    """Rows of `values` (L, n) each changed so that |A e| is least among all changes in reach, e = error.

    Near the ends of the box the reach is twice as far inwards. Among changes as good as each other the smallest wins.
    """
    reach = _REACH[block.shape[1]]
    levels = torch.arange(-reach, reach + 1, dtype=torch.float64)
    changes = torch.stack(torch.meshgrid([levels] * block.shape[1], indexing="ij"), -1).flatten(0, -2)
    measured = changes @ block.T
    # All changes stay in the box from here, and one of them leads back.
    centre = values.clamp(LOW + reach, HIGH - reach)
    shift = centre - values
    # |A (e + shift + change)|^2 and the preference for small ones, less what is the same for all changes.
    offset = torch.cat([(error + shift) @ block.T, _SMALLEST * shift], 1)
    at = torch.cat([measured, _SMALLEST * changes], 1)
    size = at.square().sum(1)
    index = [(2 * part @ at.T + size).argmin(1) for part in offset.split(_AT_ONCE)]
    return centre + changes[torch.cat(index)]


def _search(values: Tensor, error: Tensor, gram: Tensor, moves: int) -> Tensor:
    """Rows of `values` (L, n) moved by one level a step, so that e^T G e falls, e = error."""
    slope = error @ gram
    cost = (slope * error).sum(1)
    # To tell which move is best needs no more than single precision, which takes half the time.
    values, slope, gram = values.float(), slope.float(), gram.float()
    best, diagonal = values.clone(), gram.diagonal()
    least, rows = cost.clone(), torch.arange(len(values))
    resting = torch.zeros(values.shape, dtype=torch.int32)
    for move in range(1, moves + 1):
        step = -slope.sign()
        change = diagonal - 2 * slope.abs()
        there = values + step
        change.masked_fill_((there < LOW) | (there > HIGH) | (resting >= move) | (step == 0), torch.inf)
        gain, index = change.min(1)
        taken = step[rows, index] * gain.isfinite()
        values[rows, index] += taken
        resting[rows, index] = move + _TENURE
        slope += taken[:, None] * gram[index]
        cost += torch.where(gain.isfinite(), gain, 0)
        better = cost < least * (1 - 1e-9)
        best[better], least = values[better], torch.where(better, cost, least)
    return best


def _search_whole(start: Tensor, original: Tensor, operator: LinearOperator, settings: SearchSettings) -> Tensor:
    """Many moves at a time, of pixels that share no measurement where that is known; until none is of use."""
    squares = _squared_columns(operator)
    values, residual = start, operator.matvec(start - original)
    cost, share = float(residual.square().sum()), 1.0
    for _ in range(settings.moves):
        slope = operator.rmatvec(residual)
        step = -slope.sign()
        there = values + step
        gain = (2 * slope.abs() - squares).masked_fill((there < LOW) | (there > HIGH), 0).clamp(min=0)
        chosen = _apart(gain, operator) if isinstance(operator, Convolution) else gain > 0
        count = max(1, int(share * int(chosen.sum())))
        chosen &= gain >= gain[chosen].topk(count).values[-1] if bool(chosen.any()) else chosen
        moved = values + step * chosen
        after = operator.matvec(moved - original)
        if float(after.square().sum()) < cost:
            values, residual, cost = moved, after, float(after.square().sum())
            share = min(1.0, 1.5 * share)
        elif count == 1:
            break
        else:  # they spoilt each other's gain
            share /= 4
    return values


def _apart(gain: Tensor, operator: Convolution) -> Tensor:
    """bool: the best move in every neighbourhood of pixels that may share a measurement."""
    reach = [min(axis.span - 1, axis.length) for axis in operator.axes]
    planes = gain.view(1, *operator.planes)
    best = planes.amax(1, keepdim=True)
    ring = operator.axes[0].mode == "circular"
    padded = F.pad(best, (reach[1], reach[1], reach[0], reach[0]), mode="circular" if ring else "constant")
    around = F.max_pool2d(padded, [2 * r + 1 for r in reach], stride=1)
    return ((planes == around) & (planes > 0)).view_as(gain)


def _squared_columns(operator: LinearOperator) -> Tensor:
    """|A e_i|^2 for each pixel i: (1, *input_shape); by random signs, so roughly, where A has no weights of its own."""
    if isinstance(operator, (Convolution, Matrix)):
        squared = copy.copy(operator)
        squared.weight = operator.weight.square()
        return squared.rmatvec(torch.ones(1, *operator.output_shape, dtype=torch.float64))
    generator = torch.Generator().manual_seed(0)
    signs = 2.0 * torch.randint(0, 2, (16, *operator.output_shape), generator=generator, dtype=torch.float64) - 1
    return operator.rmatvec(signs).square().mean(0, keepdim=True)
