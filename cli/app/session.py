"""The state of the one job that the page works on. It outlives reloads and is the same in all tabs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from guise.cli.app.feed import Feed
from guise.cli.app.pace import Pace
from guise.cli.app.places import copies_for, folder_named, key_files, new_key_in
from guise.cli.app.settings import Settings
from guise.cli.app.uploads import RefusedError, Uploads
from guise.cli.app.work import Work

STRENGTHS = ("low", "mid", "high")


class Session:
    """What was chosen, what is being done, and what came out.

    Attributes:
        uploads: photos that were dropped on the page.
        views: folder with pictures for the page.
        feed: tells the pages.
        work: the worker process.
    """

    def __init__(self, settings: Settings, private: Path, *, worker: type[Work] = Work) -> None:
        """Start with nothing chosen.

        Args:
            settings: of the session.
            private: a folder that nobody else reads; it goes when the session ends.
            worker: does the work.
        """
        self._settings, self._private = settings, private
        self.uploads = Uploads(private, settings.limits)
        self.views = private / "views"
        self.views.mkdir(mode=0o700)
        self.work = worker(self._on_event)
        self.feed = Feed(self.state)
        self._reset()

    def _reset(self) -> None:
        self.step = "choose"
        self._folder: Path | None = None
        self._job: dict[str, Any] = {}
        self._people: dict[str, Any] | None = None
        self._pace: Pace | None = None
        self._result: dict[str, Any] | None = None
        self._text = self._error = ""
        self.feed.restart()

    def state(self) -> dict[str, Any]:
        """What the page shows, but for the photos.

        Returns:
            Plain values.
        """
        out = self._job.get("out")
        return {
            "step": self.step,
            "run": self.feed.run,
            "chosen": {"photos": self.uploads.photos, "bytes": self.uploads.size},
            "folder": None if self._folder is None else str(self._folder),
            "people": self._people,
            "picked": self._job.get("chosen", []),
            "strength": self._job.get("strength", "mid"),
            "progress": self._pace and self._pace.state(),
            "out": out,
            "key": self._job.get("key"),
            "result": self._result,
            "text": self._text,
            "error": self._error,
            "limits": asdict(self._settings.limits),
        }

    def view(self, name: str) -> Path | None:
        """A picture of this session's.

        Args:
            name: as `photo` events give it, with the side, or `person-N`.

        Returns:
            The file; None if the session made no such picture.
        """
        known = {
            f"{photo['view']}-{side}" for photo in self.feed.photos if photo["view"] for side in ("before", "after")
        }
        if self._people is not None:
            known |= {f"person-{number}" for number in range(len(self._people["people"]))}
        file = self.views / f"{name}.jpg"
        return file if name in known and file.is_file() else None

    def copies(self) -> list[tuple[str, Path]]:
        """The copies that this session made.

        Returns:
            For each its name and its file.
        """
        made = [photo["path"] for photo in self.feed.photos if photo["status"] in ("protected", "skipped")]
        return [(path, Path(self._job["out"]) / path) for path in made]

    async def look(self, folder: str | None) -> None:
        """Find the people on the photos.

        Args:
            folder: on this machine; None are the dropped photos.

        Raises:
            RefusedError: something is being done, there are no photos, or the folder cannot be used.
        """
        self._check(self.step == "choose")
        if folder is None and not self.uploads.photos:
            raise RefusedError("no-photos")
        place = self.uploads.folder if folder is None else folder_named(folder)
        self._folder = None if folder is None else place
        self._job = {
            "folder": str(place),
            "out": str(copies_for(self._settings, self._folder)),
            "keys": [str(file) for file in key_files(self._settings, self._folder)],
            "new_key": str(new_key_in(self._settings)),
            "views": str(self.views),
            "private": str(self._private),
            "device": self._settings.device,
        }
        await self._start("looking", {**self._job, "do": "look"})

    async def protect(self, chosen: list[int], strength: str) -> None:
        """Protect the photos.

        Args:
            chosen: numbers of the people who are the user.
            strength: "low", "mid" or "high".

        Raises:
            RefusedError: the people are not known yet, or the choice is none.
        """
        self._check(self.step == "people" and self._people is not None)
        assert self._people is not None
        people = self._people["people"]
        if not chosen or not all(type(number) is int and 0 <= number < len(people) for number in chosen):
            raise RefusedError("nobody-chosen")
        if strength not in STRENGTHS:
            raise RefusedError("bad-request")
        known = next((people[number]["key"] for number in chosen if people[number]["key"]), None)
        settings = self._settings
        self._job |= {
            "chosen": chosen,
            "strength": strength,
            "key": known or self._job["new_key"],
            "selector": None,
            "recognisers": list(settings.recognisers),
            "refine": settings.refine,
            "patience": settings.patience,
            "learning_steps": settings.learning_steps,
        }
        await self._start("protecting", {**self._job, "do": "protect"})

    async def resume(self) -> None:
        """Take up a job that was stopped or failed: finished photos are skipped.

        Raises:
            RefusedError: there is no such job.
        """
        self._check(self.step == "stopped")
        await self._start("protecting", {**self._job, "do": "protect"})

    async def stop(self) -> None:
        """Stop what is being done. What is finished is kept."""
        if self._pace is not None:
            self._pace.stopping = True
            self.feed.changed()
            await self.work.stop()

    async def again(self) -> None:
        """Go back to the beginning, and delete what was dropped on the page. Copies and keys stay.

        Raises:
            RefusedError: something is being done.
        """
        self._check(self.step not in ("looking", "protecting"))
        self.uploads.clear()
        for file in self.views.iterdir():
            file.unlink()
        self._reset()

    async def receive(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """Take in a photo that was dropped on the page.

        Args:
            name: its path in what was dropped.
            chunks: its bytes.

        Raises:
            RefusedError: photos were chosen already; and as `Uploads.receive`.
        """
        self._check(self.step == "choose")
        await self.uploads.receive(name, chunks)
        if self.uploads.photos == 1:  # the process loads its networks while the others come
            await self.work.give({"do": "warm", "private": str(self._private), "device": self._settings.device})
        self.feed.changed()

    def _check(self, possible: bool) -> None:
        if not possible:
            raise RefusedError("not-now", 409)

    async def _start(self, step: str, job: dict[str, Any]) -> None:
        self.step, self._error, self._text = step, "", ""
        self._result, self._pace = None, Pace()
        self.feed.restart()
        await self.work.give(job)

    def _on_event(self, event: dict[str, Any]) -> None:
        kind = event.pop("event")
        if kind == "progress" and self._pace is not None:
            self._pace.step(**event)
        elif kind == "told":
            self._text = event["text"]
        elif kind == "people":
            self._people = event
            if self.step == "looking":  # else a new process looks again, for a job that goes on
                self.step, self._pace = "people", None
        elif kind == "selector":
            self._job["selector"] = event
        elif kind == "photo":
            self.feed.photos.append(event)
            if event["status"] == "skipped" and self._pace is not None:
                self._pace.skipped(len(self.feed.photos))
        elif kind == "done":
            self.step, self._result, self._pace = "done", event, None
        elif self._pace is not None:  # stopped, failed or gone
            lost = kind == "gone" and not self._pace.stopping
            self._error = event["text"] if kind == "failed" else "gone" if lost else ""
            self.step = "stopped" if self.step == "protecting" else "choose"
            self._pace = None
        self.feed.changed()
