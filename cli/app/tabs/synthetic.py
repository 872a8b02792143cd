"""The tab of synthetic images: a run is planned, its cost is shown, and it is trained when the user has agreed."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any, ClassVar

from guise.cli.app.refusal import RefusedError
from guise.cli.app.settings import Settings
from guise.cli.app.tabs.places import free, place_named
from guise.cli.app.tabs.tab import Tab

_BY_NAME = ("digits",)  # data sets that come with the installation
_MOST_DRAWN = 100_000
_SHOWN = ("plan", "spent", "samples", "report", "drawn")


class Synthetic(Tab):
    """One run at a time. Runs lie in the home folder, and each has a file next to it that says how it was planned."""

    name = "synthetic"
    actions = ("plan", "train", "open", "draw", "stop", "resume", "again", "enter")
    fields: ClassVar = {"data": "", "epsilon": "1", "minutes": "2", "count": "100"}

    def __init__(self, settings: Settings, private: Path, **how: Any) -> None:
        """Start without a run; the arguments are `Tab`'s."""
        super().__init__(settings, private, **how)
        self._run: dict[str, Any] = {}
        self._shown: dict[str, Any] = dict.fromkeys(_SHOWN)
        self._told: set[str] = set()

    def state(self) -> dict[str, Any]:
        """What the page shows.

        Returns:
            Plain values.
        """
        return {
            **super().state(),
            **self._shown,
            "out": self._run.get("out"),
            "data": self._run.get("data", ""),
            "runs": self._runs() if self.step == "choose" else [],
        }

    async def plan(self, data: object, epsilon: object, minutes: object) -> None:
        """Find out what a run would spend. It spends nothing.

        Args:
            data: path of a folder or file with images on this machine, or "digits".
            epsilon: the budget.
            minutes: of fitting the generator.

        Raises:
            RefusedError: a value cannot be used, or something is being done.
        """
        self._check(self._pace is None)
        source = data.strip() if isinstance(data, str) and data.strip() in _BY_NAME else str(place_named(data))
        cost, time = _above_zero(epsilon, "epsilon"), _above_zero(minutes, "minutes")
        out = free(self._settings.home / "runs", Path(source).stem or "run")
        self._forget()
        self._run = {"data": source, "epsilon": cost, "minutes": time, "out": str(out)}
        await self._begin("planning", self._job("plan", **self._run))

    async def train(self) -> None:
        """Spend what the plan says: the user has seen it and agreed.

        Raises:
            RefusedError: no plan is shown.
        """
        self._check(self.step == "plan" and self._shown["plan"] is not None)
        self._run = {**self._run, "plan": self._shown["plan"]}
        self._note()
        await self._begin("training", self._job("train", **self._run, resume=False))

    async def open(self, name: object) -> None:
        """Show an earlier run.

        Args:
            name: one of the state's `runs`.

        Raises:
            RefusedError: there is none of this name, or something is being done.
        """
        self._check(self.step == "choose")
        if name not in self._runs():
            raise RefusedError("no-run")
        self._forget()
        try:
            known = json.loads(self._note_of(str(name)).read_text("utf-8"))
        except (OSError, ValueError, RecursionError):
            known = {}
        self._run = {**(known if isinstance(known, dict) else {}), "out": str(self._settings.home / "runs" / str(name))}
        await self._begin("opening", self._job("open", out=self._run["out"]))

    async def draw(self, count: object) -> None:
        """Draw synthetic images. It costs no privacy.

        Args:
            count: how many.

        Raises:
            RefusedError: no run is done, or the number is out of range.
        """
        self._check(self.step == "done")
        if type(count) is not int or not 1 <= count <= _MOST_DRAWN:
            raise RefusedError("bad-count", most=_MOST_DRAWN)
        folder = free(Path(self._run["out"]), "synthetic")
        await self._begin("drawing", self._job("draw", out=self._run["out"], folder=str(folder), count=count))

    async def resume(self) -> None:
        """Go on with a run that was stopped: what it released is kept.

        Raises:
            RefusedError: none was stopped, or it is not known on which images.
        """
        self._check(self.step == "stopped")
        if "data" not in self._run:
            raise RefusedError("no-data", out=self._run["out"])
        begun = (Path(self._run["out"]) / "run.json").exists()
        await self._begin("training", self._job("train", **self._run, resume=begun))

    async def again(self) -> None:
        """Go back to the beginning. Runs stay.

        Raises:
            RefusedError: something is being done.
        """
        self._check(self._pace is None)
        self._forget()
        self.step = "choose"
        self._changed()

    def files(self) -> list[tuple[str, Path]]:
        """The images that were drawn last, and the privacy report."""
        if self._shown["drawn"] is None:
            return []
        folder = Path(self._shown["drawn"]["folder"])
        images = [(str(path.relative_to(folder.parent)), path) for path in sorted(folder.rglob("*.png"))]
        return [*images, *((name, folder.parent / name) for name in ("privacy.json", "privacy.md"))]

    def folder(self, what: str) -> Path | None:
        """The folder of the run ("out")."""
        return Path(self._run["out"]) if what == "out" and self._shown["report"] is not None else None

    async def receive(self, name: str, chunks: AsyncIterator[bytes]) -> None:  # noqa: ARG002
        """Nothing is dropped here: private images stay where they are."""
        raise RefusedError("not-now", 409)

    def _pictures(self) -> set[str]:
        return self._told  # earlier ones, too: a page may just be asking for one when the next is drawn

    def _take(self, kind: str, event: dict[str, Any]) -> None:
        if kind == "open":
            self.step, self._pace = "stopped", None
            return
        self._shown["report" if kind == "done" else kind] = event
        if "picture" in event:
            self._told.add(event["picture"])
        if kind in ("plan", "done", "drawn"):
            self.step, self._pace = "plan" if kind == "plan" else "done", None

    def _ended(self) -> None:
        if self.step == "drawing":
            self.step = "done"
        else:
            self.step = "stopped" if self.step == "training" else "choose"

    def _forget(self) -> None:
        self._run, self._shown = {}, dict.fromkeys(_SHOWN)
        self._text = self._error = ""

    def _runs(self) -> list[str]:
        return sorted(file.parent.name for file in (self._settings.home / "runs").glob("*/run.json"))

    def _note_of(self, name: str) -> Path:
        return self._settings.home / "runs" / f"{name}.json"

    def _note(self) -> None:
        """Keep where the images are: the run itself holds their name only."""
        file = self._note_of(Path(self._run["out"]).name)
        with suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as open_file:
                json.dump(self._run, open_file)


def _above_zero(value: object, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e6:
        raise RefusedError("bad-number", name=name)
    return float(value)
