"""What releases cost together, by two independent accountants.

Neighbours: add or remove one record, an image with its label. Releases compose as privacy loss distributions; epsilons
are never added up.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from guise.dpaf import validate
from guise.models.errors import InputError

_SPENT = 0.998  # of a budget, by calibrated noise
_MOST, _TOLERANCE = 14.0, 5e-4  # of the logarithm of noise


@dataclass(frozen=True)
class Phase:
    """Steps of one kind: each draws a Poisson batch and releases Gaussian sums of it.

    Attributes:
        name: what the steps are for.
        sampling_rate: q, in (0, 1]; 1 is a release of all records.
        noise_multiplier: standard deviation over sensitivity, of all that is released of one draw together.
        steps: how many.

    Raises:
        InputError: an attribute is out of range.
    """

    name: str
    sampling_rate: float
    noise_multiplier: float
    steps: int = 1

    def __post_init__(self) -> None:
        validate.rate("the sampling rate", self.sampling_rate)
        validate.positive("the noise multiplier", self.noise_multiplier)
        validate.count("steps", self.steps)


def joint_noise_multiplier(*multipliers: float | None) -> float:
    """The noise multiplier of several Gaussian releases of ONE Poisson draw: (sum of 1/sigma^2)^(-1/2).

    They share the draw, so they are one mechanism. Accounting for each as if it had a draw of its own would
    under-report: both releases tell about one and the same draw.

    Source: adaptive Gaussian releases compose to one (Dong, Roth, Su 2022, corollary 3.3); the dominating pair of the
    composition is then subsampled (Zhu, Dong, Wang 2022, theorem 11).

    Args:
        multipliers: one for each release; None stands for a release that is not made.

    Raises:
        InputError: no release at all, or a multiplier that is not above 0.
    """
    given = [value for value in multipliers if value is not None]
    for value in given:
        validate.positive("the noise multiplier", value)
    if not given:
        raise InputError("nothing is released: give a noise multiplier to one release at least")
    return 1 / math.sqrt(sum(1 / value**2 for value in given))


def epsilon_pld(phases: Iterable[Phase], delta: float) -> float:
    """Epsilon by dp-accounting's privacy loss distributions: pessimistic, within 1 % of exact. The one that binds.

    Args:
        phases: that are composed.
        delta: of the guarantee.
    """
    return _epsilon_of(_event(phases), delta)


def delta_pld(phases: Iterable[Phase], epsilons: Sequence[float]) -> list[float]:
    """The privacy profile by the same accountant: the delta that goes with each epsilon.

    Args:
        phases: that are composed.
        epsilons: where the profile is wanted.
    """
    accountant = _composed(phases)
    return [float(accountant.get_delta(epsilon)) for epsilon in epsilons]


def epsilon_prv(phases: Iterable[Phase], delta: float, *, error: float = 0.01) -> float:
    """Epsilon by Opacus' numerical composition of privacy random variables (Gopi et al. 2021): an upper bound.

    Args:
        phases: that are composed.
        delta: of the guarantee.
        error: how far above the estimate the bound may lie.
    """
    history = _history(phases)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from opacus.accountants import PRVAccountant

        accountant = PRVAccountant()
        accountant.history = history
        return float(accountant.get_epsilon(delta, eps_error=error)) if history else 0.0


def epsilon_rdp(phases: Iterable[Phase], delta: float) -> float:
    """Epsilon by Opacus' Renyi accountant: looser, and simple enough to trust.

    Args:
        phases: that are composed.
        delta: of the guarantee.
    """
    history = _history(phases)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from opacus.accountants import RDPAccountant

        accountant = RDPAccountant()
        accountant.history = history
        return float(accountant.get_epsilon(delta)) if history else 0.0


def scale_for(shape: Sequence[Phase], epsilon: float, delta: float) -> float:
    """The factor on all noise multipliers with which the phases spend 99.8 % of (epsilon, delta), or slightly less.

    The rest is a margin for rounding.

    Args:
        shape: the phases, with noise multipliers in the right proportion.
        epsilon: the budget.
        delta: the budget's delta.

    Raises:
        InputError: the budget is out of range, or no amount of noise keeps to it.
    """
    from dp_accounting import LowerEndpointAndGuess, calibrate_dp_mechanism

    validate.budget(epsilon, delta)
    target = _SPENT * epsilon

    def phases(quiet: float) -> list[Phase]:
        """The phases with noise divided by exp(quiet): what they cost grows with it."""
        noise = math.exp(-quiet)
        return [Phase(phase.name, phase.sampling_rate, phase.noise_multiplier * noise, phase.steps) for phase in shape]

    # Opacus' Renyi accountant is an upper bound that costs little; below some .1 it has none, however much the noise.
    bound, step = (epsilon_rdp, 0.1) if epsilon_rdp(phases(-_MOST), delta) <= target else (epsilon_pld, 0.5)
    quiet = 0.0
    while bound(phases(quiet), delta) > target:
        quiet -= step
        if quiet < -_MOST:
            raise InputError(f"no noise keeps these steps to epsilon {epsilon:g}: take fewer, or a larger epsilon")
    while bound(phases(quiet + step), delta) <= target:
        quiet += step
    bracket = LowerEndpointAndGuess(quiet, quiet + 2 * step)  # the binding accountant wants some 10 % less noise
    quiet = calibrate_dp_mechanism(
        _Remembering, lambda quiet: _event(phases(quiet)), target, delta, bracket, tol=_TOLERANCE
    )
    return math.exp(-quiet)


class _Remembering:
    """The binding accountant for calibration, which asks for some values twice."""

    def __init__(self) -> None:
        from dp_accounting import dp_event

        self.ledger: dp_event.DpEvent = dp_event.NoOpDpEvent()

    def compose(self, event: Any) -> _Remembering:
        self.ledger = event
        return self

    def get_epsilon(self, delta: float) -> float:
        return _epsilon_of(self.ledger, delta)


@lru_cache(maxsize=32)
def _epsilon_of(event: Any, delta: float) -> float:
    from dp_accounting import pld

    return float(pld.PLDAccountant().compose(event).get_epsilon(delta))


def _composed(phases: Iterable[Phase]) -> Any:
    from dp_accounting import pld

    return pld.PLDAccountant().compose(_event(phases))  # add-or-remove-one is its default relation


def _event(phases: Iterable[Phase]) -> Any:
    from dp_accounting import dp_event

    events = []
    for phase in phases:
        event: dp_event.DpEvent = dp_event.GaussianDpEvent(phase.noise_multiplier)
        if phase.sampling_rate < 1:
            event = dp_event.PoissonSampledDpEvent(phase.sampling_rate, event)
        events.append(dp_event.SelfComposedDpEvent(event, phase.steps))
    return dp_event.ComposedDpEvent(tuple(events))


def _history(phases: Iterable[Phase]) -> list[tuple[float, float, int]]:
    return [(phase.noise_multiplier, phase.sampling_rate, phase.steps) for phase in phases]
