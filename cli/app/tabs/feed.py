"""What pages that show a session are told: the state whenever it changes, and each photo once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from typing import Any

_EVERY = 0.8  # seconds without news, so that a page hears something every second
_TOGETHER = 0.1  # seconds, so that a burst of events becomes one message
_MOST_AT_ONCE = 200  # photos in a message


class Feed:
    """Tells all pages of one session.

    Attributes:
        photos: what became of each photo so far, as pages show it.
        run: counts the times that the photos began anew.
    """

    def __init__(self, state: Callable[[], dict[str, Any]]) -> None:
        """Start without photos.

        Args:
            state: gives all that is not photos.
        """
        self._state = state
        self._listeners: set[asyncio.Event] = set()
        self.photos: list[dict[str, Any]] = []
        self.run = 0

    def restart(self) -> None:
        """Forget the photos."""
        self.photos = []
        self.run += 1
        self.changed()

    def changed(self) -> None:
        """Tell the pages that there is something new."""
        for listener in self._listeners:
            listener.set()

    async def messages(
        self, ending: Callable[[], bool], *, run: int = -1, sent: int = 0
    ) -> AsyncIterator[dict[str, Any]]:
        """What happens, for one page: at once, and at least every second.

        Args:
            ending: says whether the server ends.
            run: whose photos the page has, if it has listened before.
            sent: how many of them.

        Yields:
            The state, and the photos that this page has not got yet.
        """
        wake = asyncio.Event()
        self._listeners.add(wake)
        sent = max(0, min(sent, len(self.photos)))
        try:
            while not ending():
                wake.clear()
                if run != self.run:
                    run, sent = self.run, 0
                photos = self.photos[sent : sent + _MOST_AT_ONCE]
                yield {"tabs": self._state(), "run": run, "from": sent, "photos": photos}
                sent += len(photos)
                if sent < len(self.photos):
                    continue
                with suppress(TimeoutError):
                    await asyncio.wait_for(wake.wait(), _EVERY)
                await asyncio.sleep(_TOGETHER)
        finally:
            self._listeners.discard(wake)
