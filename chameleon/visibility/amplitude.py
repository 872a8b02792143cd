"""How strong a mask may be."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

_TOLERANCE = 0.03  # share of the budget that may stay unspent
_MOST_TRIES = 8
_MUCH_LESS, _NEARLY = 0.8, 0.1  # of the first guess; the logarithm of a share that is nearly within the budget
_BEYOND = (1.3, 1.15, 1.0, 0.9)  # times the first guess
_FAR_BELOW = (0.5, 0.25, 0.125)
_CLIMB = 1.15


def fit_amplitude(spend: Callable[[float], float], *, start: float, largest: float) -> float:
    """Find a large amplitude that stays within a budget.

    The measures grow close to a power of the amplitude, so a secant in logarithms needs two or three tries.

    Args:
        spend: tells the share of the budget that an amplitude uses up.
        start: first guess.
        largest: upper end.

    Returns:
        The largest amplitude tried for which `spend` returned at most 1; 0.0 if there was none.
    """
    tried: list[tuple[float, float]] = []
    amplitude, within, beyond = min(start, largest), 0.0, float("inf")
    for _ in range(_MOST_TRIES):
        share = max(spend(amplitude), 1e-6)
        tried.append((float(np.log(amplitude)), float(np.log(share))))
        if share <= 1:
            within = max(within, amplitude)
            if share >= 1 - _TOLERANCE or amplitude >= largest:
                break
        else:
            beyond = min(beyond, amplitude)
        amplitude = min(_next_amplitude(tried), largest)
        if not within < amplitude < beyond:
            amplitude = (within + beyond) / 2 if beyond < float("inf") else largest
    # The measures are means over what changed, which grows too: a larger amplitude may cost no more, or less.
    if within < _MUCH_LESS * start and min((y for x, y in tried if x >= np.log(start)), default=0.0) <= _NEARLY:
        larger = (step * start for step in _BEYOND if within < step * start <= largest)
        within = next((amplitude for amplitude in larger if spend(amplitude) <= 1), within)
    if not within:  # where shares hardly change with the amplitude, tries go down in small steps
        within = next((step * start for step in _FAR_BELOW if spend(step * start) <= 1), 0.0)
    while within > 0 and within * _CLIMB <= largest and spend(within * _CLIMB) <= 1:
        within *= _CLIMB
    return within


def _next_amplitude(tried: list[tuple[float, float]]) -> float:
    """Where the power law through the last tries reaches the middle of the tolerated band."""
    (x, y), slope = tried[-1], 1.0
    if len(tried) > 1 and abs(x - tried[-2][0]) > 1e-3:
        slope = (y - tried[-2][1]) / (x - tried[-2][0])
    target = np.log(1 - _TOLERANCE / 2)
    return float(np.exp(x + (target - y) / float(np.clip(slope, 0.4, 2.5))))
