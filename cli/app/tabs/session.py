"""All tabs of the page, and what their pages are told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from guise.cli.app.settings import Settings
from guise.cli.app.tabs.blind_spots import BlindSpots
from guise.cli.app.tabs.feed import Feed
from guise.cli.app.tabs.photos import Photos
from guise.cli.app.tabs.process import Work
from guise.cli.app.tabs.synthetic import Synthetic
from guise.cli.app.tabs.tab import Tab, Worker


class Session:
    """What one run of the command holds.

    Attributes:
        feed: tells the pages.
        photos: the tab that protects photos.
        tabs: all of them, by name.
    """

    def __init__(self, settings: Settings, private: Path, *, worker: Worker = Work) -> None:
        """Start with nothing chosen.

        Args:
            settings: of the session.
            private: a folder that nobody else reads; it goes when the session ends.
            worker: makes what does a tab's work.
        """
        self.feed = Feed(self.state)
        self.photos = Photos(settings, private, feed=self.feed, worker=worker)
        others = [kind(settings, private, changed=self.feed.changed, worker=worker) for kind in (Synthetic, BlindSpots)]
        self.tabs: dict[str, Tab] = {tab.name: tab for tab in (self.photos, *others)}

    def state(self) -> dict[str, Any]:
        """What the page shows, but for the photos.

        Returns:
            The state of each tab.
        """
        return {name: tab.state() for name, tab in self.tabs.items()}

    async def close(self) -> None:
        """End all worker processes."""
        for tab in self.tabs.values():
            await tab.work.close()
