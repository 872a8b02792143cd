"""What words on the command line of `benchmarks.protection` may mean."""

from __future__ import annotations

from typing import cast, get_args

import click

from benchmarks.plan import AS_LEARNT, Method
from guise.chameleon.visibility.budget import STRENGTHS

_LARGEST_SCALE = 16.0


def methods(_: click.Context, __: click.Parameter, value: str) -> list[Method]:
    """Names of methods, parted by commas."""
    return cast(list[Method], _chosen(value, get_args(Method)))


def strengths(_: click.Context, __: click.Parameter, value: str) -> list[str]:
    """Names of strengths, parted by commas."""
    return _chosen(value, (*STRENGTHS, AS_LEARNT))


def scales(_: click.Context, __: click.Parameter, value: str) -> list[float]:
    """Factors, parted by commas."""
    try:
        factors = [float(word) for word in value.split(",")]
    except ValueError:
        factors = [0.0]
    if not all(0 < factor <= _LARGEST_SCALE for factor in factors):
        raise click.BadParameter(f"{value!r} is no list of factors up to {_LARGEST_SCALE:g}, such as 1,2,4")
    return factors


def part(_: click.Context, __: click.Parameter, value: str) -> slice:
    """K/N: of people in their order, each Nth from the Kth on."""
    try:
        first, of = (int(word) for word in value.split("/"))
    except ValueError:
        first, of = 0, 0
    if not 1 <= first <= of:
        raise click.BadParameter(f"{value!r} is no part such as 1/2 or 2/2")
    return slice(first - 1, None, of)


def steps(_: click.Context, __: click.Parameter, value: str) -> list[int]:
    """Numbers of updates, parted by commas."""
    try:
        return [int(word) for word in value.split(",")]
    except ValueError:
        raise click.BadParameter(f"{value!r} is no list of whole numbers, such as 0,10,60") from None


def _chosen(value: str, allowed: tuple[str, ...]) -> list[str]:
    chosen = [name.strip() for name in value.split(",")]
    for name in chosen:
        if name not in allowed:
            raise click.BadParameter(f"{name!r} is none of {', '.join(allowed)}")
    return chosen
