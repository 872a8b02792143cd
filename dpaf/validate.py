"""Checks of what users give, each with one clear line."""

from __future__ import annotations

import math

from guise.models.errors import InputError

MAX_EPSILON = 100.0
_LEAST_DELTA = 1e-11


def positive(name: str, value: float) -> None:
    """Make sure that a value is a finite number above 0.

    Args:
        name: of what was given, for the message.
        value: what was given.

    Raises:
        InputError: it is not.
    """
    if not (isinstance(value, int | float) and math.isfinite(value) and value > 0):
        raise InputError(f"{name} is {value}: give a number above 0")


def rate(name: str, value: float) -> None:
    """Make sure that a value is above 0 and at most 1.

    Args:
        name: of what was given, for the message.
        value: what was given.

    Raises:
        InputError: it is not.
    """
    positive(name, value)
    if value > 1:
        raise InputError(f"{name} is {value}: a rate is at most 1")


def count(name: str, value: int, *, least: int = 1) -> None:
    """Make sure that a value is a whole number that is large enough.

    Args:
        name: of what was given, for the message.
        value: what was given.
        least: that it may be.

    Raises:
        InputError: it is not.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < least:
        raise InputError(f"{name} is {value}: give a whole number of at least {least}")


def whole(name: str, value: int) -> None:
    """Make sure that a value is a whole number, which False and True are not.

    Args:
        name: of what was given, for the message.
        value: what was given.

    Raises:
        InputError: it is not.
    """
    if not isinstance(value, int) or isinstance(value, bool):
        raise InputError(f"{name} is {value!r}: give a whole number, or leave it out")


def seed(value: int) -> None:
    """Make sure that a value can seed what draws samples.

    Args:
        value: what was given.

    Raises:
        InputError: it is no whole number, or out of range.
    """
    if type(value) is not int or not 0 <= value < 2**63:
        raise InputError(f"`seed={value}` is out of range: give a whole number from 0 to 2**63 - 1")


def budget(epsilon: float, delta: float, *, records: int | None = None) -> None:
    """Make sure that (epsilon, delta) is a guarantee that means something.

    Args:
        epsilon: of the guarantee.
        delta: of the guarantee.
        records: how many it is for; None where that is not known yet.

    Raises:
        InputError: it is not.
    """
    positive("epsilon", epsilon)
    if epsilon > MAX_EPSILON:
        raise InputError(f"epsilon is {epsilon:g}, which protects nobody: choose at most {MAX_EPSILON:g}, better 1-10")
    positive("delta", delta)
    if delta < _LEAST_DELTA:
        raise InputError(f"delta is {delta:g}, below what accountants resolve: give at least {_LEAST_DELTA:g}")
    if delta >= 1:
        raise InputError(f"delta is {delta:g}: give a probability far below 1")
    if epsilon < delta:
        raise InputError(f"epsilon is {epsilon:g}, below delta {delta:g}: give a larger epsilon or a smaller delta")
    if records is not None and delta >= 1 / records:
        least = f"1/{records} = {1 / records:.2g}"
        raise InputError(f"delta is {delta:g}, but publishing one whole record has {least}: choose a smaller delta")
