"""What the page shows of the job on photos: what was chosen, what is being done, and what came out."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Any, ClassVar

from guise.cli.app.settings import Settings
from guise.cli.app.tabs.feed import Feed
from guise.cli.app.tabs.pace import Pace
from guise.cli.app.tabs.places import known_keys
from guise.cli.app.tabs.tab import Tab, Worker
from guise.cli.app.tabs.unfinished import Notebook
from guise.cli.app.tabs.uploads import Uploads

STRENGTHS = ("low", "mid", "high")
_WRITTEN = ("protected", "skipped", "exact", "near")  # what became of photos that have a copy


class PhotoBoard(Tab):
    """The state of the one job on photos.

    Attributes:
        uploads: photos that were dropped on the page.
    """

    name = "photos"
    fields: ClassVar = {"folder": ""}

    def __init__(self, settings: Settings, private: Path, *, feed: Feed, worker: Worker) -> None:
        """Start with nothing chosen.

        Args:
            settings: of the session.
            private: a folder that nobody else reads; it goes when the session ends.
            feed: tells the pages.
            worker: makes what does the work.
        """
        super().__init__(settings, private, changed=feed.changed, worker=worker)
        self.uploads = Uploads(private, settings.limits)
        self._feed, self._notebook = feed, Notebook(settings.home)
        self._reset()

    def _reset(self, ready: dict[str, str] | None = None) -> None:
        self.step = "choose"
        self._folder: Path | None = None
        self._jobs: dict[str, Any] = {}
        self._people: dict[str, Any] | None = None
        self._picked: list[int] = []  # who the user says they are, so far
        self._previews: dict[str, dict[str, Any]] = {}
        self._previewed: list[int] = []
        self._pace: Pace | None = None
        self._result: dict[str, Any] | None = None
        self._text = self._error = ""
        self._ready, self._keys = ready, known_keys(self._settings)
        self._unfinished = self._notebook.read()
        self._feed.restart()

    def state(self) -> dict[str, Any]:
        """What the page shows, but for the photos.

        Returns:
            Plain values.
        """
        return {
            **super().state(),
            "kind": self._jobs.get("do", ""),
            "chosen": {"photos": self.uploads.photos, "bytes": self.uploads.size},
            "folder": None if self._folder is None else str(self._folder),
            "keys": self._keys,
            "ready": self._ready,
            "unfinished": self._unfinished and asdict(self._unfinished),
            "people": self._people,
            "picked": self._picked,
            "strength": self._jobs.get("strength", "mid"),
            "previews": self._previews,
            "previewed": self._previewed,
            "out": self._jobs.get("out"),
            "key": self._jobs.get("key"),
            "result": self._result,
            "limits": asdict(self._settings.limits),
        }

    def _pictures(self) -> set[str]:
        shown = [*self._feed.photos, *self._previews.values()]
        sides = [f"{side}{size}" for side in ("before", "after") for size in ("", "-small", "-medium")]
        known = {f"{photo['view']}-{side}.jpg" for photo in shown if photo["view"] for side in sides}
        if self._people is not None:
            known |= {f"person-{number}.jpg" for number in range(len(self._people["people"]))}
        return known

    def files(self) -> list[tuple[str, Path]]:
        """The copies that this session made.

        Returns:
            For each its name and its file.
        """
        made = [photo["path"] for photo in self._feed.photos if photo["status"] in _WRITTEN]
        out = Path(self._jobs.get("out", ""))
        # A link that somebody put in the place of a copy would lead elsewhere.
        return [(path, out / path) for path in made if (out / path).resolve().is_relative_to(out.resolve())]

    def folder(self, what: str) -> Path | None:
        """The folder of the copies ("out") or of the key ("key")."""
        if what == "key" and "key" in self._jobs:
            return Path(self._jobs["key"]).parent
        return Path(self._jobs["out"]) if what == "out" and self.files() else None

    async def receive(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """Take in a photo that was dropped on the page; as `Tab.receive`."""
        self._check(self.step == "choose")
        await self.uploads.receive(name, chunks)
        if self.uploads.photos == 1:  # the process loads its networks while the others come
            await self.work.give(self._job("warm"))
        self._changed()

    def _take(self, kind: str, event: dict[str, Any]) -> None:
        if kind == "people":
            self._people = event
            if self.step == "looking":  # else a new process looks again, for a job that goes on
                self.step, self._pace = "people", None
                known = [number for number, person in enumerate(event["people"]) if person["key"]]
                self._picked = known or [0]
        elif kind == "preview":
            if event["chosen"] == self._previewed:  # else they have chosen other people meanwhile
                self._previews = {**self._previews, event["strength"]: event}
        elif kind == "selector":
            self._jobs["selector"] = event
        elif kind == "photo":
            self._feed.photos.append(event)
            if event["status"] == "skipped" and self._pace is not None:
                self._pace.skipped(len(self._feed.photos))
        elif kind == "done":
            self.step, self._result, self._pace = "done", event, None
            if self._jobs["do"] == "protect":
                self._notebook.forget()

    def _ended(self) -> None:
        self.step = "choose" if self.step == "looking" else "stopped"

    def _ended_aside(self, error: str) -> None:
        if error and self.step == "people" and self._previewed and len(self._previews) < len(STRENGTHS):
            self._previewed, self._error = [], error
