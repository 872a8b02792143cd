"""A lower bound on epsilon, measured: if it lies above what is claimed, the claim is false.

The adversary of the definition itself: it knows every record, sees every release, and must tell whether one canary
took part. How well it does bounds epsilon from below (Kairouz, Oh, Viswanath 2015, theorem 2.1; Nasr et al. 2021).
Nothing can be proved safe in this way; bugs are found.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from guise.dpaf import validate
from guise.dpaf.accounting.accountants import Phase, delta_pld, epsilon_pld
from guise.dpaf.accounting.audit_result import Audit
from guise.models.errors import InputError

Game = Callable[[bool, np.random.Generator], float]
"""Runs a mechanism once, with the canary or without, and gives a score that should be higher with it."""

_LEAST_RUNS = 20
_THRESHOLDS = 100
_PROFILE = 12


def audit_mechanism(
    game: Game,
    phases: Sequence[Phase],
    *,
    delta: float,
    runs: int,
    confidence: float = 0.99,
    audits: int = 1,
    generator: np.random.Generator | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Audit:
    """Play a game with the canary and as often without it, and compare with what is claimed.

    Args:
        game: runs the mechanism once, see `Game`.
        phases: what the mechanism is claimed to be.
        delta: at which epsilon is reported.
        runs: with the canary, and as many without: at least 20, which can show little. `Audit.limit` says how much.
        confidence: of both bounds together, and of those of all `audits`.
        audits: how many are made of one claim, such as one for each phase.
        generator: of all randomness; from the operating system by default.
        progress: called with pairs played and pairs in all.

    Raises:
        InputError: an argument is out of range.
    """
    validate.count("runs", runs, least=_LEAST_RUNS)
    validate.count("audits", audits)
    if not 0 < confidence < 1:
        raise InputError(f"confidence is {confidence}: give a probability between 0 and 1")
    random = generator or np.random.default_rng()
    scores = np.empty((2, runs))
    for run in range(runs):
        for present in (0, 1):
            scores[present, run] = game(bool(present), random)
        if progress is not None:
            progress(run + 1, runs)
    each = 1 - (1 - confidence) / (2 * audits)  # Bonferroni: two bounds an audit
    bound = lower_bound(scores[1], scores[0], delta=delta, confidence=each)
    excess = excess_over(phases, scores[1], scores[0], confidence=each)
    limit = lower_bound(np.ones(runs), np.zeros(runs), delta=delta, confidence=each)
    return Audit(bound, epsilon_pld(phases, delta), delta, excess, limit, runs, confidence)


def lower_bound(present: NDArray[np.float64], absent: NDArray[np.float64], *, delta: float, confidence: float) -> float:
    """Epsilon that these scores prove, at least 0.

    Half of them choose a threshold and a direction; the other half, which had no part in that, give the bound.

    Args:
        present: scores of runs with the canary.
        absent: scores without, as many.
        delta: of the guarantee.
        confidence: one-sided, shared between the two rates (Clopper and Pearson 1934).
    """
    return _most(present, absent, [(0.0, delta)], confidence)


def excess_over(
    phases: Sequence[Phase], present: NDArray[np.float64], absent: NDArray[np.float64], *, confidence: float
) -> float:
    """How far these scores exceed the claimed privacy profile: epsilon proved less epsilon claimed, at one delta of it.

    A guarantee is a curve of pairs (epsilon, delta), all of which hold. One half of the scores chooses the pair where
    the test is sharpest; the other half tests it.

    Args:
        phases: what the mechanism is claimed to be.
        present: scores of runs with the canary.
        absent: scores without, as many.
        confidence: one-sided.
    """
    widest = epsilon_pld(phases, 1e-4)
    epsilons = [widest * step / _PROFILE for step in range(_PROFILE)]
    profile = list(zip(epsilons, delta_pld(phases, epsilons), strict=True))
    return _most(present, absent, profile, confidence)


def _most(
    present: NDArray[np.float64],
    absent: NDArray[np.float64],
    profile: list[tuple[float, float]],
    confidence: float,
) -> float:
    """The largest epsilon proved over epsilon claimed: chosen on the first half of the scores, told by the second."""
    half = len(present) // 2
    choosing, proving = (present[:half], absent[:half]), (present[half:], absent[half:])
    candidates = np.unique(np.quantile(np.concatenate(choosing), np.linspace(0.002, 0.998, _THRESHOLDS)))
    tests = [(sign, threshold) for sign in (1, -1) for threshold in candidates]
    best, chosen, point = -math.inf, tests[0], profile[0]
    for test in tests:
        least, most = _rates(*choosing, *test, confidence)
        for epsilon, delta in profile:
            if (over := _epsilon(least, most, delta) - epsilon) > best:
                best, chosen, point = over, test, (epsilon, delta)
    return _epsilon(*_rates(*proving, *chosen, confidence), point[1]) - point[0]


def _rates(
    present: NDArray[np.float64], absent: NDArray[np.float64], sign: int, threshold: float, confidence: float
) -> tuple[float, float]:
    """How often the test is right at the least, and wrong at the most."""
    # In one direction the canary is told by high scores, in the other its absence by low ones.
    right, wrong = (
        (present > threshold, absent > threshold) if sign > 0 else (absent <= threshold, present <= threshold)
    )
    least, _ = _interval(int(right.sum()), len(right), confidence)
    _, most = _interval(int(wrong.sum()), len(wrong), confidence)
    return least, most


@lru_cache(maxsize=10_000)
def _interval(count: int, total: int, confidence: float) -> tuple[float, float]:
    """Where the rate of what came `count` times lies: the errors of both ends add up to one minus the confidence."""
    from scipy.stats import binomtest

    interval = binomtest(count, total).proportion_ci(confidence, method="exact")
    return float(interval.low), float(interval.high)


def _epsilon(least: float, most: float, delta: float) -> float:
    """What the two rates prove; of nothing, that it is not below 0."""
    return max(0.0, math.log((least - delta) / most)) if least > delta else 0.0
