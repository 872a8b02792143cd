"""Which mask goes on a face in each picture: fitted on key pictures, blended between them, as strong as is allowed."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from guise.chameleon.mask.mask import Mask
from guise.chameleon.videos.motion import Placements
from guise.models.files.videos.planes import Change


@dataclass(frozen=True)
class Knot:
    """A picture at which something is known; between two of them it changes evenly.

    Attributes:
        time: of the picture, in seconds.
        value: what is known.
    """

    time: float
    value: np.ndarray


@dataclass(frozen=True)
class MaskPlan:
    """The mask of one face through the pictures.

    Attributes:
        placements: where it lies in each picture.
        masks: float32 (3, S, S) each, in time's order; at least one.
        amplitudes: of the mask, in time's order; at least one.
        base: the user's mask, whose template and bound hold for all.
        grey: whether the video is black and white.
    """

    placements: Placements
    masks: Sequence[Knot]
    amplitudes: Sequence[Knot]
    base: Mask
    grey: bool = False

    def at(self, time: float) -> Mask:
        """Blend the mask for a moment.

        Args:
            time: in seconds.

        Returns:
            The mask at amplitude 1.
        """
        return replace(self.base, values=between(self.masks, time).astype(np.float32))

    def change(self, number: int, time: float, *, height: int, width: int) -> Change | None:
        """Compute what to add to a picture.

        Args:
            number: of the picture.
            time: of the picture, in seconds.
            height: of the picture, in pixels.
            width: of the picture, in pixels.

        Returns:
            The change; None where the picture does not show the face, or hardly a mask is allowed.
        """
        to_canonical = self.placements.get(number)
        amplitude = float(between(self.amplitudes, time))
        if to_canonical is None or amplitude <= 0:
            return None
        mask = self.at(time)
        rows, columns, warped = mask.warp(to_canonical, height=height, width=width)
        return Change(rows, columns, mask.levels(warped, amplitude=amplitude, grey=self.grey))


def held(knots: Sequence[Knot], runs: Sequence[tuple[float, float]]) -> list[Knot]:
    """Hold what is known within a run to its ends, so that nothing is blended across a gap or a jump.

    Args:
        knots: in any order; those of a time that lies in a run are its own.
        runs: first and last time of each, in order.

    Returns:
        The knots with those of the ends, in time's order; runs without one have none.
    """
    result = []
    for first, last in runs:
        own = sorted((knot for knot in knots if first <= knot.time <= last), key=lambda knot: knot.time)
        if own:
            ends = [Knot(first, own[0].value)], [Knot(last, own[-1].value)]
            result += ends[0] * (first < own[0].time) + own + ends[1] * (last > own[-1].time)
    return result


def between(knots: Sequence[Knot], time: float) -> np.ndarray:
    """Tell the value at a moment: in proportion between the knots next to it.

    Args:
        knots: in time's order; at least one.
        time: in seconds.
    """
    later = bisect_left(knots, time, key=lambda knot: knot.time)
    if later == 0:
        return knots[0].value
    if later == len(knots):
        return knots[-1].value
    before, after = knots[later - 1], knots[later]
    share = (time - before.time) / max(after.time - before.time, 1e-9)
    return np.asarray((1 - share) * before.value + share * after.value)


def changes_of(
    plans: Sequence[MaskPlan], times: np.ndarray, *, height: int, width: int
) -> Callable[[int], list[Change]]:
    """Join the masks of all faces.

    Args:
        plans: of the faces.
        times: of all pictures, in seconds.
        height: of the pictures, in pixels.
        width: of the pictures, in pixels.

    Returns:
        What to add to a picture, by its number.
    """

    def changes(number: int) -> list[Change]:
        each = (plan.change(number, float(times[number]), height=height, width=width) for plan in plans)
        return [change for change in each if change is not None]

    return changes
