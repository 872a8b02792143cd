"""What the tabs share: a worker process, what it is doing, and the pictures that it made for the page."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any, ClassVar

from guise.cli.app.refusal import RefusedError
from guise.cli.app.settings import Settings
from guise.cli.app.tabs.pace import Pace
from guise.cli.app.tabs.process import Work

_LONGEST = 4096  # characters of a field, as of a path
Worker = Callable[[str, Callable[[dict[str, Any]], None]], Work]


class Tab(ABC):
    """One tab of the page. Its state outlives reloads and is the same in all windows.

    Attributes:
        name: in addresses.
        actions: methods that the page may call, each with plain values by name.
        fields: of its forms, with what they hold at first. What the user enters outlives a reload.
        step: what the tab shows.
        work: the worker process.
    """

    name: ClassVar[str]
    actions: ClassVar[tuple[str, ...]]
    fields: ClassVar[dict[str, str]]

    def __init__(self, settings: Settings, private: Path, *, changed: Callable[[], None], worker: Worker) -> None:
        """Start with nothing chosen.

        Args:
            settings: of the session.
            private: a folder that nobody else reads; it goes when the session ends.
            changed: called when the state is another.
            worker: makes what does the work.
        """
        self._settings, self._private, self._changed = settings, private, changed
        self.views = private / f"{self.name}-views"
        self.views.mkdir(mode=0o700)
        self.work = worker(self.name, self._on_event)
        self.step = "choose"
        self._pace: Pace | None = None
        self._text = self._error = ""
        self._begun = 0  # jobs so far
        self._entered = dict(self.fields)

    def state(self) -> dict[str, Any]:
        """What the page shows.

        Returns:
            Plain values.
        """
        progress = self._pace and self._pace.state()
        said = {"text": self._text, "error": self._error}
        return {"step": self.step, "begun": self._begun, "progress": progress, "entered": self._entered, **said}

    def view(self, name: str) -> Path | None:
        """A picture of this tab's.

        Args:
            name: as events gave it.

        Returns:
            The file; None if there is no such picture.
        """
        return self.views / name if name in self._pictures() and (self.views / name).is_file() else None

    @abstractmethod
    def _pictures(self) -> set[str]:
        """Names of the pictures that the page may ask for."""

    @abstractmethod
    def files(self) -> list[tuple[str, Path]]:
        """What can be downloaded.

        Returns:
            For each file its name and where it is.
        """

    @abstractmethod
    async def receive(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """Take in a file that was dropped on the page.

        Args:
            name: its path in what was dropped.
            chunks: its bytes.

        Raises:
            RefusedError: not now; and as `Uploads.receive`.
        """

    @abstractmethod
    def folder(self, what: str) -> Path | None:
        """A folder that the page may have opened on the screen.

        Args:
            what: names it.

        Returns:
            The folder; None if there is none of this name.
        """

    async def enter(self, values: object) -> None:
        """Keep what is entered in the forms, for a page that is loaded again and for other windows.

        Args:
            values: texts by the field's name.

        Raises:
            RefusedError: there is no such field, or it is no text of a usable length.
        """
        if not isinstance(values, dict) or not values.keys() <= self.fields.keys():
            raise RefusedError("bad-request")
        if not all(isinstance(value, str) and len(value) <= _LONGEST for value in values.values()):
            raise RefusedError("bad-request")
        self._entered = {**self._entered, **values}
        self._changed()

    async def stop(self) -> None:
        """Stop what is being done. What is finished is kept."""
        if self._pace is not None:
            self._pace.stopping = True
            self._changed()
            await self.work.stop()

    def _job(self, do: str, **values: Any) -> dict[str, Any]:
        common = {"views": str(self.views), "private": str(self._private), "device": self._settings.device}
        return {**common, **values, "do": do}

    async def _begin(self, step: str, job: dict[str, Any]) -> None:
        self.step, self._error, self._text, self._pace = step, "", "", Pace()
        self._begun += 1
        self._changed()
        await self.work.give(job)

    def _check(self, possible: bool) -> None:
        if not possible:
            raise RefusedError("not-now", 409)

    def _on_event(self, event: dict[str, Any]) -> None:
        kind = event.pop("event")
        if kind == "progress":
            if self._pace is not None:
                self._pace.step(**event)
        elif kind == "told":
            self._text = event["text"]
        elif kind not in ("stopped", "failed", "gone"):
            self._take(kind, event)
        else:
            lost = kind == "gone" and not (self._pace is not None and self._pace.stopping)
            error = event["text"] if kind == "failed" else "gone" if lost else ""
            if self._pace is None:
                self._ended_aside(error)
            else:
                self._error, self._pace = error, None
                self._ended()
        self._changed()

    def _ended_aside(self, error: str) -> None:  # noqa: B027
        """Something that the tab did not wait for was stopped or failed: most tabs have no such work."""

    @abstractmethod
    def _take(self, kind: str, event: dict[str, Any]) -> None:
        """Take in an event of this tab's own."""

    @abstractmethod
    def _ended(self) -> None:
        """The job was stopped or failed, or its process is gone: say what the tab shows then."""
