"""How long a piece of work takes."""

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
