"""The tab that protects photos, and takes the mask off again: what the page can ask for, step by step."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from guise.cli.app.refusal import RefusedError
from guise.cli.app.tabs.photo_board import STRENGTHS, PhotoBoard
from guise.cli.app.tabs.places import copies_for, folder_named, key_files, new_key_in, restored_for
from guise.cli.app.tabs.unfinished import Unfinished


class Photos(PhotoBoard):
    """The steps of a job on photos."""

    actions = (
        "look",
        "pick",
        "preview",
        "protect",
        "at_once",
        "restore",
        "go_on",
        "forget",
        "stop",
        "resume",
        "again",
        "enter",
    )

    async def look(self, folder: str | None = None) -> None:
        """Find the people on the photos.

        Args:
            folder: on this machine; None are the dropped photos.

        Raises:
            RefusedError: something is being done, there are no photos, or the folder cannot be used.
        """
        place = self._chosen(folder)
        known = [str(file) for file in key_files(self._settings, self._folder)]
        self._jobs = self._whole_job(place) | {"keys": known, "new_key": str(new_key_in(self._settings))}
        await self._start("looking", "look")

    async def pick(self, chosen: object, strength: object) -> None:
        """Keep what is chosen so far, for a page that is loaded again.

        Args:
            chosen: numbers of the people who are the user; may be none.
            strength: "low", "mid" or "high".

        Raises:
            RefusedError: the people are not known yet, or a value cannot be used.
        """
        numbers, how = self._people_named(chosen), _strength(strength)
        self._picked, self._jobs["strength"] = numbers, how
        self._changed()

    async def preview(self, chosen: object, strength: object) -> None:
        """Show the mask on one of the user's photos.

        Args:
            chosen: numbers of the people who are the user.
            strength: the one that is shown first.

        Raises:
            RefusedError: the people are not known yet, the choice is none, or nobody chosen has a key.
        """
        numbers, first = self._people_chosen(chosen), _strength(strength)
        key = self._key_of(numbers)
        if key is None:
            raise RefusedError("no-key")
        if numbers == self._previewed:
            return  # another window has asked
        strengths = [first, *(other for other in STRENGTHS if other != first)]
        self._previews, self._previewed, self._error = {}, numbers, ""
        self._changed()
        await self.work.give({**self._jobs, "do": "preview", "chosen": numbers, "key": key, "strengths": strengths})

    async def protect(self, chosen: object, strength: object) -> None:
        """Protect the photos.

        Args:
            chosen: numbers of the people who are the user.
            strength: "low", "mid" or "high".

        Raises:
            RefusedError: the people are not known yet, or the choice is none.
        """
        numbers = self._people_chosen(chosen)
        self._jobs |= {"chosen": numbers, "key": self._key_of(numbers) or self._jobs["new_key"]}
        await self._protect(_strength(strength))

    async def at_once(self, key: object, strength: object, folder: str | None = None) -> None:
        """Protect photos with a key that is there, without looking who is on them.

        Args:
            key: its file, one of the state's.
            strength: as of `protect`.
            folder: as of `look`.

        Raises:
            RefusedError: as `look`; or there is no such key.
        """
        file, how = self._key_named(key), _strength(strength)
        self._jobs = self._whole_job(self._chosen(folder)) | {"chosen": [], "key": file}
        await self._protect(how)

    async def restore(self, key: object = None, folder: str | None = None) -> None:
        """Take the mask off protected copies.

        Args:
            key: as of `at_once`.
            folder: with the copies; None are those that were dropped, or those that were made just now.

        Raises:
            RefusedError: as `at_once`.
        """
        if self.step == "done" and self._jobs["do"] == "protect":
            file, place = self._jobs["key"], Path(self._jobs["out"])
            self._folder = place
        else:
            file, place = self._key_named(key), self._chosen(folder)
        out = str(restored_for(self._settings, self._folder))
        self._jobs = self._job("restore", folder=str(place), out=out, key=file)
        await self._start("restoring", "restore")

    async def go_on(self) -> None:
        """Look at the folder of the job that was not finished."""
        self._check(self.step == "choose" and self._unfinished is not None)
        assert self._unfinished is not None
        strength = self._unfinished.strength
        if self._unfinished.folder is None:
            self._check(self.uploads.photos > 0 and self.uploads.digest() == self._unfinished.dropped)
        await self.look(self._unfinished.folder)
        self._jobs["strength"] = strength if strength in STRENGTHS else "mid"

    async def forget(self) -> None:
        """Do not go on with the job that was not finished."""
        self._notebook.forget()
        self._unfinished = None
        self._changed()

    async def resume(self) -> None:
        """Take up a job that was stopped or failed: finished photos are skipped.

        Raises:
            RefusedError: there is no such job.
        """
        self._check(self.step == "stopped")
        if self._jobs["do"] == "restore":  # it never writes over a file
            self._jobs["out"] = str(restored_for(self._settings, self._folder))
        await self._start("restoring" if self._jobs["do"] == "restore" else "protecting", self._jobs["do"])

    async def again(self, same_key: object = False) -> None:
        """Go back to the beginning, and delete what was dropped on the page. Copies and keys stay.

        Args:
            same_key: get new photos ready for the same key at the same strength.

        Raises:
            RefusedError: something is being done.
        """
        self._check(self._pace is None)
        ready = None
        if same_key and "key" in self._jobs:
            ready = {"key": self._jobs["key"], "strength": self._jobs.get("strength", "mid")}
        if self.step == "stopped" and self._jobs["do"] == "protect":
            self._notebook.forget()
        self.uploads.clear()
        for file in self.views.iterdir():
            file.unlink()
        self._reset(ready)

    def _chosen(self, folder: object) -> Path:
        """Where the photos are that were chosen."""
        self._check(self.step == "choose")
        if folder is None and not self.uploads.photos:
            raise RefusedError("no-photos")
        self._folder = None if folder is None else folder_named(folder)
        return self._folder or self.uploads.folder

    def _whole_job(self, place: Path) -> dict[str, Any]:
        settings, begun = self._settings, self._unfinished
        out = copies_for(settings, self._folder)
        if self._folder is None and begun is not None and begun.dropped == self.uploads.digest():
            out = Path(begun.out)  # the same photos were dropped again
        return {
            **self._job("", folder=str(place), out=str(out)),
            "selector": None,
            "recognisers": list(settings.recognisers),
            "refine": settings.refine,
            "patience": settings.patience,
            "learning_steps": settings.learning_steps,
        }

    async def _protect(self, strength: str) -> None:
        self._jobs["strength"] = strength
        folder = None if self._folder is None else str(self._folder)
        dropped = self.uploads.digest() if folder is None else ""
        self._notebook.write(Unfinished(folder, dropped, self._jobs["out"], strength))
        await self._start("protecting", "protect")

    async def _start(self, step: str, do: str) -> None:
        self._jobs["do"], self._result = do, None
        self._feed.restart()
        await self._begin(step, dict(self._jobs))

    def _people_named(self, chosen: object) -> list[int]:
        self._check(self.step == "people" and self._people is not None)
        assert self._people is not None
        people = range(len(self._people["people"]))
        if not isinstance(chosen, list):
            raise RefusedError("bad-request")
        if not all(type(number) is int and number in people for number in chosen):
            raise RefusedError("nobody-chosen")
        return chosen

    def _people_chosen(self, chosen: object) -> list[int]:
        numbers = self._people_named(chosen)
        if not numbers:
            raise RefusedError("nobody-chosen")
        return numbers

    def _key_of(self, numbers: list[int]) -> str | None:
        assert self._people is not None
        keys = (self._people["people"][number]["key"] for number in numbers)
        return next((str(key) for key in keys if key), None)

    def _key_named(self, file: object) -> str:
        known = {key["file"] for key in self._keys} | ({self._ready["key"]} if self._ready else set())
        if not isinstance(file, str) or file not in known or not Path(file).is_file():
            raise RefusedError("no-key")
        return file


def _strength(strength: object) -> str:
    if strength not in STRENGTHS:
        raise RefusedError("bad-request")
    return str(strength)
