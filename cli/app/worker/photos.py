"""Jobs of the tab that protects photos."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from guise import chameleon
from guise.chameleon.faces.detection import FaceDetector
from guise.cli.app.worker.people import People
from guise.cli.app.worker.pictures import MEDIUM, SMALL, VIEW, draw
from guise.cli.app.worker.words import as_text, middle, moment
from guise.models import load_recogniser
from guise.models.devices import best_device
from guise.models.errors import ImageError, OutputError
from guise.models.files import printable
from guise.models.files.videos.pictures import read_picture
from guise.models.recognisers import registry


class PhotoJobs:
    """Does jobs, one after another. Networks stay loaded."""

    def __init__(self, send: Any) -> None:
        """Start with nothing loaded.

        Args:
            send: called with the name of an event and its values, which become JSON.
        """
        self._send = send
        self._people = People(send)
        self._device = "auto"

    @cached_property
    def _reader(self) -> chameleon.FaceReader:
        device = best_device(self._device)
        recogniser = load_recogniser(registry.READER, device=device, offline=True)
        return chameleon.FaceReader(FaceDetector(device=device), recogniser)

    def do(self, job: dict[str, Any]) -> None:
        """Do one job.

        Args:
            job: `do` says what: "warm", "look", "preview", "protect" or "restore"; the rest is what the tab gives.

        Raises:
            GuiseError: as the library raises it.
            KeyboardInterrupt: it was stopped.
        """
        self._device = job.get("device", self._device)
        if job["do"] == "warm":
            self._reader  # noqa: B018  # it is loaded by looking at it
        elif job["do"] == "look":
            self._people.look(job, **self._watch(job))
        elif job["do"] == "preview":
            self._people.preview(job, **self._watch(job))
        elif job["do"] == "protect":
            self._protect(job)
        elif job["do"] == "restore":
            self._restore(job)

    def _watch(self, job: dict[str, Any]) -> dict[str, Any]:
        return {
            "progress": lambda what, done, total: self._send("progress", what=what, done=done, total=total),
            "announce": lambda text: self._send("told", text=as_text(text, Path(job["folder"]))),
            "device": self._device,
            "offline": True,
            "reader": self._reader,
        }

    def _protect(self, job: dict[str, Any]) -> None:
        """Learn the mask if there is no key yet, write the copies, and draw each photo before and after."""
        selector = self._people.selector(job, **self._watch(job))
        self._send("selector", mean=selector.template.mean.tolist(), threshold=selector.threshold)
        key, strength, recognisers = Path(job["key"]), job["strength"], job["recognisers"] or None
        key.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        new = {"strength": strength, "recognisers": recognisers} if not key.exists() else {}
        watch, photos = self._watch(job), 0

        def progress(what: str, done: int, total: int) -> None:
            nonlocal photos
            self._send("progress", what=what, done=done, total=total)
            photos = total if what == "looking for faces" else photos
            # The first photo takes a while until it is reported.
            if done == total and what == ("looking for faces" if key.exists() else "learning the mask"):
                self._send("progress", what="protecting", done=0, total=photos)

        watch["progress"] = progress
        if new and job["learning_steps"]:
            settings = chameleon.LearningSettings(steps=job["learning_steps"], views=1)
            chameleon.learn(job["folder"], key=key, user_face=selector, settings=settings, **new, **watch)
            new = {}
        report = chameleon.protect(
            job["folder"],
            key,
            out=job["out"],
            user_face=selector,
            refine=job["refine"],
            patience=job["patience"],
            on_photo=lambda result: self._show(job, result),
            **{"strength": strength, **new},
            **watch,
        )
        self._send(
            "done",
            protected=len(report.protected),
            total=len(report.photos),
            measured_by=report.measured_by,
            learnt_on=report.key.provenance.photos,
        )

    def _restore(self, job: dict[str, Any]) -> None:
        """Take the mask off, and draw each photo with it and without it."""
        report = chameleon.restore(
            job["folder"],
            job["key"],
            out=job["out"],
            device=self._device,
            progress=lambda what, done, total: self._send("progress", what=what, done=done, total=total),
        )
        for number, result in enumerate(report.photos):
            self._send("progress", what="drawing", done=number, total=len(report.photos))
            drawn = self._drawn(job, result.photo) if result.photo in report.restored else {}
            self._send_photo(job, result, **drawn)
        self._send("done", restored=len(report.restored), exact=len(report.exact), total=len(report.photos))

    def _show(self, job: dict[str, Any], result: chameleon.PhotoResult) -> None:
        drawn = self._drawn(job, result.shown, result.faces[0].box) if result.faces else {}
        notes = [as_text(note, Path(job["folder"])) for note in result.notes]
        told: dict[str, Any] = {"notes": notes, "recognisers": result.recognisers, "linked_by": result.linked_by}
        if result.video is not None:
            told["moment"] = moment(result.shown)
        self._send_photo(job, result, **told, **drawn)

    def _send_photo(self, job: dict[str, Any], result: Any, **values: Any) -> None:
        nothing: dict[str, Any] = {"view": None, "at": None, "notes": [], "recognisers": [], "linked_by": []}
        nothing |= {"moment": None, "unshown": False}  # which picture of a video is shown; whether none can be
        reason = as_text(result.reason, Path(job["folder"]))
        told = {"photo": printable(result.photo), "path": result.photo, "status": result.status, "reason": reason}
        self._send("photo", **nothing | told | values)

    @staticmethod
    def _drawn(job: dict[str, Any], photo: str, face: Sequence[float] | None = None) -> dict[str, Any]:
        """Draw a photo before and after; say what the picture is called, and where the face is on it."""
        view = hashlib.sha256(f"{job['out']}\0{photo}".encode(errors="surrogateescape")).hexdigest()[:32]
        try:
            for side, folder in (("before", job["folder"]), ("after", job["out"])):
                pixels = read_picture(Path(folder) / photo).pixels
                for kind, longest in (("", VIEW), ("-medium", MEDIUM), ("-small", SMALL)):
                    draw(pixels, Path(job["views"]) / f"{view}-{side}{kind}.jpg", longest=longest)
        except (ImageError, OutputError):  # somebody took it away, or the disk with temporary files is full
            return {"unshown": True}
        return {"view": view, "at": None if face is None else middle(face, pixels)}
