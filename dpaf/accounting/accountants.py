"""What releases cost together, by two independent accountants.

Neighbours: add or remove one record, an image with its label. Releases compose as privacy loss distributions; epsilons
are never added up.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from guise.dpaf import validate
from guise.models.errors import InputError


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
    return float(_composed(phases).get_epsilon(delta))


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
    """The factor on all noise multipliers with which the phases spend 99.8 to 100 % of (epsilon, delta).

    Args:
        shape: the phases, with noise multipliers in the right proportion.
        epsilon: the budget.
        delta: the budget's delta.

    Raises:
        InputError: the budget is out of range, or no amount of noise keeps to it.
    """
    validate.budget(epsilon, delta)

    def phases(factor: float) -> list[Phase]:
        return [Phase(phase.name, phase.sampling_rate, phase.noise_multiplier * factor, phase.steps) for phase in shape]

    # Opacus' Renyi accountant is an upper bound that costs little; below some .1 it has none, however much the noise.
    rough = epsilon_rdp if epsilon_rdp(phases(1e6), delta) <= epsilon else epsilon_pld
    high = 1.0
    while rough(phases(high), delta) > epsilon:
        high *= 1.25
        if high > 1e6:
            raise InputError(f"no noise keeps these steps to epsilon {epsilon:g}: take fewer, or a larger epsilon")
    while high > 1e-6 and rough(phases(high / 1.25), delta) <= epsilon:
        high /= 1.25
    cost_high = epsilon_pld(phases(high), delta)
    low = high / 1.25
    while high > 1e-6 and (cost_low := epsilon_pld(phases(low), delta)) <= epsilon:
        high, cost_high, low = low, cost_low, low / 1.25
    while cost_high < 0.998 * epsilon and high / low > 1 + 1e-9:
        # Epsilon falls nearly as a power of the noise: a line on logarithms finds it in a few steps.
        along = math.log(cost_low / (0.999 * epsilon)) / math.log(cost_low / cost_high) if cost_high else 0.5
        factor = low * (high / low) ** min(max(along, 0.01), 0.99)
        cost = epsilon_pld(phases(factor), delta)
        if cost <= epsilon:
            high, cost_high = factor, cost
        else:
            low, cost_low = factor, cost
    return high


def _composed(phases: Iterable[Phase]) -> Any:
    from dp_accounting import dp_event, pld

    accountant = pld.PLDAccountant()  # add-or-remove-one is its default relation
    for phase in phases:
        event: dp_event.DpEvent = dp_event.GaussianDpEvent(phase.noise_multiplier)
        if phase.sampling_rate < 1:
            event = dp_event.PoissonSampledDpEvent(phase.sampling_rate, event)
        accountant.compose(event, phase.steps)
    return accountant


def _history(phases: Iterable[Phase]) -> list[tuple[float, float, int]]:
    return [(phase.noise_multiplier, phase.sampling_rate, phase.steps) for phase in phases]
