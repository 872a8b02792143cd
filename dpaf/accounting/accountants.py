"""What releases cost together, by two independent accountants.

Neighbours: add or remove one record, an image with its label. Releases compose as privacy loss distributions; epsilons
are never added up.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from guise.dpaf import validate
from guise.models.errors import InputError

_SHARE_OF_BUDGET, _PRV_ERROR = 0.998, 0.002  # what calibrated noise spends; how far off the second opinion may be
_LARGEST_LOG_NOISE, _TOLERANCE = 14.0, 5e-4  # of the logarithm of the factor on all noise


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


Accountant = Callable[[Iterable[Phase], float], float]
"""Epsilon of phases at a delta."""


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

    Raises:
        InputError: there are so many steps with so little noise that memory does not suffice.
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


def second_opinion(phases: Sequence[Phase], delta: float, *, first: float) -> float | None:
    """Epsilon by Opacus' PRV accountant where it resolves the binding one's figure to 2 %; None where it does not.

    Its error is absolute: at a small epsilon its bound says little, or costs minutes.

    Args:
        phases: that are composed.
        delta: of the guarantee.
        first: epsilon by the binding accountant.
    """
    return epsilon_prv(phases, delta, error=_PRV_ERROR) if phases and 0.02 * first >= _PRV_ERROR else None


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
        InputError: the budget is out of range, no amount of noise keeps to it, or the phases are too many to account
            for.
    """
    from dp_accounting import LowerEndpointAndGuess, calibrate_dp_mechanism

    validate.budget(epsilon, delta)
    target = _SHARE_OF_BUDGET * epsilon

    def phases(log_precision: float) -> list[Phase]:
        """The phases with noise divided by exp(log_precision): what they cost grows with it."""
        noise = math.exp(-log_precision)
        return [Phase(phase.name, phase.sampling_rate, phase.noise_multiplier * noise, phase.steps) for phase in shape]

    def lowered(log_precision: float, accountant: Accountant) -> float:
        """The first value, a few steps down, at which the phases keep to the target."""
        while accountant(phases(log_precision), delta) > target:
            log_precision -= step
            if log_precision < -_LARGEST_LOG_NOISE:
                raise InputError(f"no noise keeps these steps to epsilon {epsilon:g}: take fewer, or a larger epsilon")
        return log_precision

    # Opacus' Renyi accountant costs little; below some .1 it has no bound, however much the noise.
    accountant: Accountant = epsilon_rdp
    log_precision, step, beyond = 0.0, 0.1, 0.15  # beyond the step: the binding one is tighter and wants less noise
    if epsilon_rdp(phases(-_LARGEST_LOG_NOISE), delta) > target:
        # From the noisy side: where noise is little, so small a budget takes a lot of memory.
        accountant, log_precision, step, beyond = epsilon_pld, -_LARGEST_LOG_NOISE, 0.5, 0.5
    log_precision = lowered(log_precision, accountant)
    while accountant(phases(log_precision + step), delta) <= target:
        log_precision += step
    # The lower end must keep to the target by the binding accountant too, or the search would go towards less noise.
    log_precision = lowered(log_precision, epsilon_pld)
    log_precision = calibrate_dp_mechanism(
        _Remembering,
        lambda value: _event(phases(value)),
        target,
        delta,
        LowerEndpointAndGuess(log_precision, log_precision + beyond),
        tol=_TOLERANCE,
    )
    return math.exp(-log_precision)


class _Remembering:
    """The binding accountant for calibration, which asks for some values twice."""

    def __init__(self) -> None:
        from dp_accounting import dp_event

        self.ledger: dp_event.DpEvent = dp_event.NoOpDpEvent()

    def compose(self, event: Any) -> _Remembering:
        from dp_accounting import dp_event

        if not isinstance(self.ledger, dp_event.NoOpDpEvent):
            raise ValueError("this accountant takes one event: compose all phases into it")
        self.ledger = event
        return self

    def get_epsilon(self, delta: float) -> float:
        return _epsilon_of(self.ledger, delta)


@lru_cache(maxsize=1024)
def _epsilon_of(event: Any, delta: float) -> float:
    from dp_accounting import pld

    try:
        return float(pld.PLDAccountant().compose(event).get_epsilon(delta))
    except MemoryError:
        raise InputError("these steps need more memory to account for than there is: take fewer or add noise") from None


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
