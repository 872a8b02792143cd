"""Measure how long a piece of work takes."""

from __future__ import annotations

import time
from collections.abc import Callable


def timed(run: Callable[[], object], *, rounds: int) -> list[float]:
    """Seconds that `run` takes, `rounds` times, after one time that does not count."""
    run()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return times


def side_by_side(*runs: Callable[[], object], rounds: int) -> list[float]:
    """The least seconds that each of `runs` takes. They run in turn, `rounds` times, so that noise hits all alike."""
    times = [timed(run, rounds=1) for run in runs]
    for _ in range(rounds - 1):
        for of, run in zip(times, runs, strict=True):
            start = time.perf_counter()
            run()
            of.append(time.perf_counter() - start)
    return [min(of) for of in times]
