"""What the worker process does: the same calls of the library as the command line's, with pictures for the page."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from guise import chameleon
from guise.chameleon.faces.detection import FaceDetector
from guise.chameleon.faces.people import Person
from guise.chameleon.faces.selection import FaceSelector, WhoseFace
from guise.chameleon.faces.template import FaceTemplate
from guise.chameleon.jobs.people import is_user
from guise.chameleon.protection.sheet import face_crop
from guise.models import load_recogniser
from guise.models.devices import best_device
from guise.models.errors import GuiseError, ImageError
from guise.models.files import atomic_write, printable
from guise.models.files.videos.pictures import read_picture
from guise.models.recognisers import registry

_MOST_PEOPLE = 60
_FACE, _VIEW = 192, 1600  # pixels, the longer side of pictures on the page


class Jobs:
    """Does jobs, one after another. Networks stay loaded."""

    def __init__(self, send: Any) -> None:
        """Start with nothing loaded.

        Args:
            send: called with the name of an event and its values, which become JSON.
        """
        self._send = send
        self._looked: tuple[str, chameleon.ProtectionPlan] | None = None
        self._device = "auto"

    @cached_property
    def _reader(self) -> chameleon.FaceReader:
        device = best_device(self._device)
        recogniser = load_recogniser(registry.READER, device=device, offline=True)
        return chameleon.FaceReader(FaceDetector(device=device), recogniser)

    def do(self, job: dict[str, Any]) -> None:
        """Do one job.

        Args:
            job: `do` says what: "warm", "look" or "protect"; the rest is what `guise.cli.app.session` gives.

        Raises:
            GuiseError: as the library raises it.
            KeyboardInterrupt: it was stopped.
        """
        self._device = job.get("device", self._device)
        if job["do"] == "warm":
            self._reader  # noqa: B018  # it is loaded by looking at it
        elif job["do"] == "look":
            self._looked = None
            self._look(job)
        elif job["do"] == "protect":
            self._protect(job)

    def _watch(self, job: dict[str, Any]) -> dict[str, Any]:
        return {
            "progress": lambda what, done, total: self._send("progress", what=what, done=done, total=total),
            "announce": lambda text: self._send("told", text=as_text(text, Path(job["folder"]))),
            "device": self._device,
            "offline": True,
            "reader": self._reader,
        }

    def _look(self, job: dict[str, Any]) -> None:
        """Find the people, and which of them has a key already."""
        folder = Path(job["folder"])
        plan = chameleon.plan(folder, job["new_key"], out=job["out"], user_face="all", **self._watch(job))
        self._looked = job["folder"], plan
        keys = self._keys([Path(file) for file in job["keys"]])
        people = []
        for number, person in enumerate(plan.people[:_MOST_PEOPLE]):
            selector = plan.select([number])
            known = next((str(key.file) for key in keys if is_user(selector, key)), None)
            self._draw_face(folder, person, Path(job["views"]) / f"person-{number}.jpg")
            people.append({"photos": person.photos, "key": known})
        failures = [
            {"photo": printable(path), "why": as_text(why, folder)} for path, why in plan.survey.failures.items()
        ]
        without = sum(not faces for faces in plan.survey.faces.values())
        total = len(plan.survey.faces) + len(failures)
        more = max(0, len(plan.people) - _MOST_PEOPLE)
        self._send("people", people=people, more=more, failures=failures, without=without, total=total)

    def _keys(self, files: Sequence[Path]) -> list[chameleon.Key]:
        keys = []
        for file in files:
            try:
                keys.append(chameleon.load_key(file))
            except GuiseError as error:
                self._send("told", text=str(error))
        return keys

    def _draw_face(self, folder: Path, person: Person, file: Path) -> None:
        path, face = person.faces[0]
        _draw(face_crop(read_picture(folder / path).pixels, face.face.box), file, longest=_FACE)

    def _protect(self, job: dict[str, Any]) -> None:
        """Learn the mask if there is no key yet, write the copies, and draw each photo before and after."""
        selector = self._selector(job)
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

    def _selector(self, job: dict[str, Any]) -> FaceSelector:
        if job["selector"] is not None:
            mean = np.array(job["selector"]["mean"], dtype=np.float32)
            return FaceSelector(WhoseFace.REFERENCE, FaceTemplate(mean), job["selector"]["threshold"])
        if self._looked is None or self._looked[0] != job["folder"]:  # this process is a new one
            self._look(job)
        assert self._looked is not None
        plan, chosen, key = self._looked[1], job["chosen"], Path(job["key"])
        if key.exists():
            known = chameleon.load_key(key)
            if all(is_user(plan.select([number]), known) for number in chosen):
                return known.selector  # so that finished copies stay when photos join the folder
        return plan.select(chosen)

    def _show(self, job: dict[str, Any], result: chameleon.PhotoResult) -> None:
        view = None
        if result.faces:
            view = hashlib.sha256(f"{job['out']}\0{result.photo}".encode(errors="surrogateescape")).hexdigest()[:32]
            try:
                for side in ("before", "after"):
                    file = Path(job["views"]) / f"{view}-{side}.jpg"
                    folder = Path(job["folder" if side == "before" else "out"])
                    if result.status != "skipped" or not file.exists():
                        _draw(read_picture(folder / result.shown).pixels, file, longest=_VIEW)
            except ImageError:  # it was read a moment ago; somebody took it away
                view = None
        self._send(
            "photo",
            photo=printable(result.photo),
            path=result.photo,
            status=result.status,
            reason=as_text(result.reason, Path(job["folder"])),
            notes=[as_text(note, Path(job["folder"])) for note in result.notes],
            recognisers=result.recognisers,
            linked_by=result.linked_by,
            view=view,
        )


def as_text(sentence: str, folder: Path) -> str:
    """Write a sentence of the library for people who set no parameters and chose the folder a moment ago.

    Args:
        sentence: such as "... may be the user's: see `user_face=all`".
        folder: with the photos, whose path is left out.

    Returns:
        It without the advice that names a parameter.
    """
    return sentence.replace(f"{printable(folder)}{os.sep}", "").split(": see `")[0]


def _draw(pixels: np.ndarray, file: Path, *, longest: int) -> None:
    """Write a picture for the page: it has no metadata, and browsers show it whatever the photo's format is."""
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    with atomic_write(file) as open_file:
        picture.save(open_file, "JPEG", quality=92, subsampling=0)
