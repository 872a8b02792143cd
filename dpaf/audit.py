"""A lower bound on epsilon, measured: if it lies above what is claimed, the claim is false.

The adversary of the definition itself: it knows every record, sees every release, and must tell whether one canary
took part. How well it does bounds epsilon from below (Kairouz, Oh, Viswanath 2015, theorem 2.1; Nasr et al. 2021).
Nothing can be proved safe in this way; bugs are found.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dpaf import validate
from models.errors import InputError

Game = Callable[[bool, np.random.Generator], float]
"""Runs a mechanism once, with the canary or without, and gives a score that should be higher with it."""

_LEAST_RUNS = 20


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        lower_bound: epsilon is at least this, with `confidence`.
        claimed: what the accountants say.
        runs: of the mechanism, with the canary and as many without.
        confidence: that a sound mechanism passes.
    """

    lower_bound: float
    claimed: float
    delta: float
    runs: int
    confidence: float

    @property
    def passed(self) -> bool:
        """Whether the claim withstood the audit."""
        return self.lower_bound <= self.claimed


def audit_mechanism(
    game: Game,
    *,
    epsilon: float,
    delta: float,
    runs: int,
    confidence: float = 0.99,
    generator: np.random.Generator | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Audit:
    """Play `game` `runs` times with the canary and `runs` times without, and bound epsilon from below.

    Args:
        game: as above.
        epsilon, delta: what is claimed of the mechanism.
        runs: at least 20; the bound cannot exceed about log(runs / 10).
        confidence: of the bound.
        generator: of all randomness; from the operating system by default.
        progress: called with pairs played and pairs in all.

    Raises:
        InputError: an argument is out of range.
    """
    validate.budget(epsilon, delta)
    validate.count("runs", runs, least=_LEAST_RUNS)
    if not 0 < confidence < 1:
        raise InputError(f"confidence is {confidence}: give a probability between 0 and 1")
    random = generator or np.random.default_rng()
    scores = np.empty((2, runs))
    for run in range(runs):
        for present in (0, 1):
            scores[present, run] = game(bool(present), random)
        if progress is not None:
            progress(run + 1, runs)
    bound = lower_bound(scores[1], scores[0], delta=delta, confidence=confidence)
    return Audit(bound, epsilon, delta, runs, confidence)


def lower_bound(present: NDArray[np.float64], absent: NDArray[np.float64], *, delta: float, confidence: float) -> float:
    """Epsilon that these scores prove, at least 0.

    Half of them choose a threshold and a direction; the other half, which had no part in that, give the bound.

    Args:
        present: scores of runs with the canary.
        absent: scores without, as many.
        delta: of the guarantee.
        confidence: one-sided, shared between the two rates (Clopper and Pearson 1934).
    """
    half = len(present) // 2
    choosing, proving = (present[:half], absent[:half]), (present[half:], absent[half:])
    candidates = np.unique(np.quantile(np.concatenate(choosing), np.linspace(0.002, 0.998, 200)))
    tests = [(sign, threshold) for sign in (1, -1) for threshold in candidates]
    best = max(tests, key=lambda test: _bound(*choosing, *test, delta, confidence))
    return max(0.0, _bound(*proving, *best, delta, confidence))


def _bound(
    present: NDArray[np.float64],
    absent: NDArray[np.float64],
    sign: int,
    threshold: float,
    delta: float,
    confidence: float,
) -> float:
    from scipy.stats import beta

    # In one direction the canary is told by high scores, in the other its absence by low ones.
    right, wrong = (
        (present > threshold, absent > threshold) if sign > 0 else (absent <= threshold, present <= threshold)
    )
    hits, misses, error = int(right.sum()), int(wrong.sum()), (1 - confidence) / 2
    least = float(beta.ppf(error, hits, len(right) - hits + 1)) if hits else 0.0
    most = float(beta.ppf(1 - error, misses + 1, len(wrong) - misses)) if misses < len(wrong) else 1.0
    return math.log((least - delta) / most) if least > delta else -math.inf
