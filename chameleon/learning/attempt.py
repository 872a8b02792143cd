"""Another way to refine the mask for some faces, where the usual one does not take them far enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Attempt:
    """What differs from the usual way; the defaults are the usual way.

    Attributes:
        starts: int8 (3, S, S) for each face, the refinement from which to go on; empty: all start at the user's mask.
        weights: for each face, of recognisers, by name, in taking it away from the user; those not named have weight 1.
            Empty: all have.
        dispersion: weight of keeping photos apart; None is the refiner's own.
    """

    starts: Sequence[np.ndarray] = ()
    weights: Sequence[Mapping[str, float]] = ()
    dispersion: float | None = None
