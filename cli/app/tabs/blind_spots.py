"""The tab of blind spots: what a model provably ignores, and a photo with other content there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from guise.cli.app.refusal import RefusedError
from guise.cli.app.settings import Settings
from guise.cli.app.tabs.tab import Tab, Worker
from guise.cli.app.tabs.uploads import Uploads

_TARGETS = ("noise", "constant")


class BlindSpots(Tab):
    """One model, and one photo at a time."""

    name = "blind_spots"
    actions = ("inspect", "fill", "stop", "again", "enter")
    fields: ClassVar = {"model": "", "shape": "", "weights": "", "target": _TARGETS[0]}

    def __init__(self, settings: Settings, private: Path, *, worker: Worker, **how: Any) -> None:
        """Start without a model; the arguments are `Tab`'s."""
        super().__init__(settings, private, worker=worker, **how)
        place = private / "blind-photo"
        place.mkdir(mode=0o700)
        self._uploads = Uploads(place, replace(settings.limits, photos=1))
        self._model: dict[str, str] = {}
        self._space: dict[str, Any] | None = None
        self._filled: dict[str, Any] | None = None
        self._attacks: list[dict[str, Any]] = []

    def state(self) -> dict[str, Any]:
        """What the page shows.

        Returns:
            Plain values.
        """
        photo = self._photo()
        return {
            **super().state(),
            "photo": "" if photo is None else photo.name,
            "space": self._space,
            "filled": self._filled,
            "attacks": self._attacks,
        }

    async def inspect(self, model: object, shape: object = "", weights: object = "") -> None:
        """Measure what a model ignores.

        Args:
            model: its file on this machine, or a name.
            shape: of the photos that it reads, such as "3x224x224"; "" is what it is known to take.
            weights: file of weights, for a name; "" is what comes with it.

        Raises:
            RefusedError: a value cannot be used, or something is being done.
        """
        self._check(self._pace is None)
        if not isinstance(model, str) or not isinstance(shape, str) or not isinstance(weights, str):
            raise RefusedError("bad-request")
        if not model.strip():
            raise RefusedError("no-model")
        given = {"model": model.strip(), "input": shape.strip(), "weights": weights.strip()}
        self._model = {name: value for name, value in given.items() if value}
        self._space, self._filled, self._attacks = None, None, []
        await self._begin("inspecting", self._job("inspect", **self._model))

    async def fill(self, target: object) -> None:
        """Put other content into the photo where the model does not look, and attack the copy.

        Args:
            target: "noise" or "constant".

        Raises:
            RefusedError: no model was inspected, or there is no photo.
        """
        self._check(self._pace is None and self._space is not None)
        if target not in _TARGETS:
            raise RefusedError("bad-request")
        photo = self._photo()
        if photo is None:
            raise RefusedError("no-photo")
        self._filled, self._attacks = None, []
        await self._begin("filling", self._job("fill", photo=str(photo), target=target, **self._model))

    async def again(self) -> None:
        """Go back to the beginning, and delete the photo.

        Raises:
            RefusedError: something is being done.
        """
        self._check(self._pace is None)
        self._uploads.clear()
        for file in self.views.iterdir():
            file.unlink()
        self._model, self._space, self._filled, self._attacks = {}, None, None, []
        self.step, self._text, self._error = "choose", "", ""
        self._changed()

    def files(self) -> list[tuple[str, Path]]:
        """The copy and its certificate."""
        if self._filled is None:
            return []
        return [
            ("filled.png", self.views / self._filled["copy"]),
            ("certificate.json", self.views / "certificate.json"),
        ]

    def folder(self, what: str) -> Path | None:  # noqa: ARG002
        """None: what is made here is downloaded."""
        return None

    async def receive(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """Take in the photo, in the place of the one before; as `Tab.receive`."""
        self._check(self._pace is None)
        self._uploads.clear()
        try:
            await self._uploads.receive(name, chunks)
        finally:
            self._changed()

    def _photo(self) -> Path | None:
        return next((path for path in self._uploads.folder.rglob("*") if path.is_file()), None)

    def _pictures(self) -> set[str]:
        filled = [self._filled["original"], self._filled["copy"]] if self._filled else []
        return {*filled, *(attack["picture"] for attack in self._attacks)}

    def _take(self, kind: str, event: dict[str, Any]) -> None:
        if kind == "space":
            self.step, self._space, self._pace = "inspected", event, None
        elif kind == "filled":
            self._filled = event
        elif kind == "attacks":
            self.step, self._attacks, self._pace = "filled", event["attacks"], None

    def _ended(self) -> None:
        if self.step == "inspecting":
            self.step = "choose"
        else:
            self.step = "inspected" if self._filled is None else "filled"
