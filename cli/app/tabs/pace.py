"""How far the work is, and how long it will take."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

_PARTS = ("fitting", "fitting again")  # steps of some of the photos that are being protected


class Pace:
    """Progress of what is being done, with the time left at the pace so far.

    Attributes:
        stopping: it is to be stopped, so that progress no longer counts.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start with "starting".

        Args:
            clock: seconds.
        """
        self._clock = clock
        self._what, self._done, self._total = "starting", 0, 0
        self._part: tuple[str, int, int] | None = None
        self._since, self._before, self._last = clock(), 0, clock()
        self.stopping = False

    def step(self, what: str, done: int, total: int) -> None:
        """Take in progress.

        Args:
            what: is being done.
            done: items.
            total: items in all.
        """
        if what in _PARTS:
            self._part = what, done, total
            return
        if what != self._what:  # it began when what was before it ended
            self._since, self._before = self._last, 0
        self._what, self._done, self._total, self._part = what, done, total, None
        self._last = self._clock()

    def skipped(self, done: int) -> None:
        """Items that were done before say nothing about the pace.

        Args:
            done: items so far, all of them skipped.
        """
        self._since, self._before = self._clock(), done

    def state(self) -> dict[str, Any]:
        """What the page shows.

        Returns:
            `what`, `done`, `total`; `part`, what is done to the next photos, steps and steps in all, or None; and
            `left` in seconds, which is None while it is not known.
        """
        if self.stopping:
            return {"what": "stopping", "done": 0, "total": 0, "part": None, "left": None}
        done = self._done - self._before
        left = None
        if done > 0:
            each = (self._last - self._since) / done
            left = max(0.0, each * (self._total - self._done) - (self._clock() - self._last))
        return {"what": self._what, "done": self._done, "total": self._total, "part": self._part, "left": left}
