"""How far the work is, and how long it will take."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any


class Pace:
    """Progress of what is being done, with the time left at the pace so far.

    Attributes:
        what: what is being done, in the library's words.
        stopping: it is to be stopped, so that progress no longer counts.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with "starting".

        Args:
            clock: seconds.
        """
        self._clock = clock
        self.what, self._done, self._total = "starting", 0, 0
        self._since, self._before = clock(), 0
        self.stopping = False

    def step(self, what: str, done: int, total: int) -> None:
        """Take in progress.

        Args:
            what: is being done.
            done: items.
            total: items in all.
        """
        if what != self.what:
            self._since, self._before = self._clock(), 0
        self.what, self._done, self._total = what, done, total

    def skipped(self, done: int) -> None:
        """Items that were done before say nothing about the pace.

        Args:
            done: items so far, all of them skipped.
        """
        self._since, self._before = self._clock(), done

    def state(self) -> dict[str, Any]:
        """What the page shows.

        Returns:
            `what`, `done`, `total`, and `left` in seconds, which is None while it is not known.
        """
        if self.stopping:
            return {"what": "stopping", "done": 0, "total": 0, "left": None}
        done = self._done - self._before
        left = (self._clock() - self._since) / done * (self._total - self._done) if done > 0 else None
        return {"what": self.what, "done": self._done, "total": self._total, "left": left}
