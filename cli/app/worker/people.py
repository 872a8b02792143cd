"""Who is on the photos: the people, their keys, and how the user's mask would look on them."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from guise import chameleon
from guise.chameleon.faces.people import Person
from guise.chameleon.faces.selection import FaceSelector, WhoseFace
from guise.chameleon.faces.template import FaceTemplate
from guise.chameleon.jobs.people import is_user
from guise.chameleon.protection.sheet import face_crop
from guise.cli.app.worker.pictures import FACE, VIEW, draw
from guise.cli.app.worker.words import as_text, discreet, middle
from guise.models.errors import FaceError, GuiseError, ImageError
from guise.models.files import printable
from guise.models.files.videos.pictures import read_picture

_MOST_PEOPLE = 60


class People:
    """Looks at a folder once, and remembers who is on its photos."""

    def __init__(self, send: Any) -> None:
        """Start without a folder.

        Args:
            send: called with the name of an event and its values.
        """
        self._send = send
        self._looked: tuple[str, chameleon.ProtectionPlan] | None = None
        self._previews = 0

    def look(self, job: dict[str, Any], **watch: Any) -> None:
        """Find the people, and which of them has a key already.

        Args:
            job: as of `PhotoJobs.do`.
            **watch: of `chameleon.plan`.

        Raises:
            GuiseError: as the library raises it.
        """
        self._looked = None
        folder = Path(job["folder"])
        plan = chameleon.plan(folder, job["new_key"], out=job["out"], user_face="all", **watch)
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
        for path, face in person.faces:  # somebody may have taken a photo away
            with suppress(ImageError):
                draw(face_crop(read_picture(folder / path).pixels, face.face.box), file, longest=FACE)
                return

    def preview(self, job: dict[str, Any], **watch: Any) -> None:
        """Show the user's mask on the photo with their largest face, at each strength.

        Args:
            job: as of `PhotoJobs.do`.
            **watch: of `chameleon.plan`.
        """
        folder, self._previews = Path(job["folder"]), self._previews + 1
        shown: chameleon.Preview | None = None
        for strength in job["strengths"]:
            told: dict[str, Any] = {"photo": "", "view": None, "at": None, "why": ""}
            try:
                path = self._largest(job, watch)
                told["photo"] = printable(path)
                if shown is None:
                    shown = self._prepared(job, path, watch)
                after, view = shown.after(strength), f"preview-{self._previews}-{strength}"
                for side, pixels in (("before", shown.before), ("after", after)):
                    draw(pixels, Path(job["views"]) / f"{view}-{side}.jpg", longest=VIEW)
                told |= {"view": view, "at": middle(shown.faces[0].box, after)}
            except GuiseError as error:
                told["why"] = discreet(as_text(str(error), folder), job["folder"], job["private"])
            self._send("preview", strength=strength, chosen=job["chosen"], **told)

    def _largest(self, job: dict[str, Any], watch: dict[str, Any]) -> Path:
        """The photo on which the user's face is largest."""
        people, folder = self._plan(job, watch).people, Path(job["folder"])
        mine = [face for number in job["chosen"] for face in people[int(number)].faces if (folder / face[0]).is_file()]
        if not mine:
            raise FaceError("only videos show this face")
        path, _ = max(mine, key=lambda place: place[1].face.area)
        return path

    def _prepared(self, job: dict[str, Any], path: Path, watch: dict[str, Any]) -> chameleon.Preview:
        plan = self._plan(job, watch)
        return chameleon.preview(
            Path(job["folder"]) / path,
            job["key"],
            user_face=plan.select(job["chosen"]),
            faces=plan.survey.faces[path],
            reader=watch["reader"],
        )

    def selector(self, job: dict[str, Any], **watch: Any) -> FaceSelector:
        """Whose faces get the mask.

        Args:
            job: as of `PhotoJobs.do`.
            **watch: of `chameleon.plan`.

        Returns:
            What selects the chosen people, or the key's user.

        Raises:
            GuiseError: as the library raises it.
        """
        if job["selector"] is not None:
            mean = np.array(job["selector"]["mean"], dtype=np.float32)
            return FaceSelector(WhoseFace.REFERENCE, FaceTemplate(mean), job["selector"]["threshold"])
        chosen, key = job["chosen"], Path(job["key"])
        known = chameleon.load_key(key) if key.exists() else None
        if known is not None and not chosen:
            return known.selector
        plan = self._plan(job, watch)
        if known is not None and all(is_user(plan.select([number]), known) for number in chosen):
            return known.selector  # so that finished copies stay when photos join the folder
        return plan.select(chosen)

    def _plan(self, job: dict[str, Any], watch: dict[str, Any]) -> chameleon.ProtectionPlan:
        if self._looked is None or self._looked[0] != job["folder"]:  # this process is a new one
            self.look(job, **watch)
        assert self._looked is not None
        return self._looked[1]
