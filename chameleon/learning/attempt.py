"""Another way to refine the mask for a face, where the usual one does not take it far enough."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np


@dataclass(frozen=True)
class Attempt:
    """What differs from the usual way; the defaults are the usual way.

    Attributes:
        start: int8 (3, S, S), the refinement from which to go on, on every face; None starts at the user's mask.
        weights: of recognisers, by name, in taking faces away from the user; those not named have weight 1.
        others: directions of further protected faces to keep apart from, by name of the recogniser.
        dispersion: weight of keeping photos apart; None is the refiner's own.
    """

    start: np.ndarray | None = None
    weights: Mapping[str, float] = field(default_factory=dict)
    others: Sequence[Mapping[str, np.ndarray]] = ()
    dispersion: float | None = None
