"""What `protect` and `plan` return: typed, as JSON for programs and as a page for people."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from guise.chameleon.faces.embedding import EmbeddedFace
from guise.chameleon.faces.people import Person, people_in, select_people
from guise.chameleon.faces.selection import FaceSelector
from guise.chameleon.faces.survey import Survey
from guise.chameleon.mask.key import Key
from guise.chameleon.pages.protection import ProtectedPhotos, protection_page
from guise.chameleon.pages.render import render
from guise.chameleon.protection.job import PhotoResult
from guise.chameleon.restoration.restore_record import restore_records_file
from guise.chameleon.visibility.budget import Budget
from guise.chameleon.visibility.lpips import mean_lpips
from guise.models.counting import by_number, counted
from guise.models.errors import InputError
from guise.models.files import printable
from guise.models.files.videos.pictures import video_of
from guise.models.watching import Progress


@dataclass(frozen=True)
class ProtectionPlan:
    """What `protect` would do.

    Attributes:
        out: where the copies would go.
        survey: the faces that the folder shows.
        selector: selects those that would get a mask.
        learn: a mask would be learnt first.
        threshold: Euclidean distance below which two faces are one person's.
        videos: the faces in some pictures of each video, by the video's path; empty without videos.
        unreadable_videos: why others could not be read, by their paths.
    """

    out: Path
    survey: Survey
    selector: FaceSelector
    learn: bool
    threshold: float
    videos: Mapping[Path, Sequence[list[EmbeddedFace]]] = field(default_factory=dict)
    unreadable_videos: Mapping[Path, str] = field(default_factory=dict)

    @cached_property
    def people(self) -> tuple[Person, ...]:
        """Everybody on the photos, those in most photos first."""
        faces = [(path, face) for path, faces in self.survey.faces.items() for face in faces]
        return people_in(faces, threshold=self.threshold)

    def select(self, chosen: Collection[int]) -> FaceSelector:
        """Say who of `people` the user is.

        Args:
            chosen: their numbers in `people`; several where the user was taken for several people.

        Returns:
            What to give as `user_face` to `learn` and `protect`.

        Raises:
            InputError: nobody is chosen, or a number is out of range.
        """
        if not chosen or not all(0 <= number < len(self.people) for number in chosen):
            what = ", ".join(map(str, chosen)) or "nobody"
            raise InputError(f"`chosen={what}` does not name the user: give numbers from 0 to {len(self.people) - 1}")
        ours = [person for number, person in enumerate(self.people) if number in chosen]
        others = [person for number, person in enumerate(self.people) if number not in chosen]
        return select_people(ours, others, threshold=self.threshold)

    @property
    def rows(self) -> list[dict[str, Any]]:
        """For each photo: `photo`, `faces`, how many of them to `protect`, and a `note`."""
        seen = [
            {"photo": photo.as_posix(), "faces": len(faces), "protect": len(self.selector.select(faces)), "note": ""}
            for photo, faces in self.survey.faces.items()
            if video_of(photo) is None
        ]
        seen += [self._video_row(video, pictures) for video, pictures in self.videos.items()]
        return seen + [{"photo": name.as_posix(), "faces": 0, "protect": 0, "note": why} for name, why in self.failures]

    def _video_row(self, video: Path, pictures: Sequence[list[EmbeddedFace]]) -> dict[str, Any]:
        selected = [len(self.selector.select(faces)) for faces in pictures]
        shown = sum(map(bool, selected))
        looked = f"{shown} of {counted(len(pictures), 'picture')} looked at"
        note = f"video: {looked} {by_number(shown, 'shows', 'show')} a face to protect"
        faces = max(map(len, pictures), default=0)
        return {"photo": video.as_posix(), "faces": faces, "protect": max(selected, default=0), "note": note}

    @property
    def failures(self) -> list[tuple[Path, str]]:
        """Photos and videos that could not be read, and why."""
        return [*self.survey.failures.items(), *self.unreadable_videos.items()]

    def to_json(self) -> str:
        """Write the plan for programs.

        Returns:
            JSON.
        """
        return json.dumps({"out": str(self.out), "learn": self.learn, "photos": self.rows}, indent=1)


@dataclass(frozen=True)
class ProtectionReport:
    """What `protect` did, measured on the written files.

    Attributes:
        folder: with the originals.
        out: with the copies.
        key: the user's.
        key_file: where it lies; private.
        photos: what became of each photo.
        picture: before and after; None where there is none.
        ignored: files in the folder that are no photos.
        budget: how visible the mask may be; None for the published procedure.
        earlier: what earlier runs over this folder wrote besides, which the page shows too.
        page: the report as a page for people; private. None where it could not be written.
    """

    folder: Path
    out: Path
    key: Key
    key_file: Path
    photos: tuple[PhotoResult, ...]
    picture: Path | None
    ignored: tuple[Path, ...]
    budget: Budget | None = None
    earlier: tuple[PhotoResult, ...] = ()
    page: Path | None = None

    @property
    def protected(self) -> tuple[str, ...]:
        """Photos whose protected copies are there, written now or before."""
        return tuple(result.photo for result in self.photos if result.status in ("protected", "skipped"))

    @property
    def protected_before(self) -> tuple[str, ...]:
        """Photos that are protected copies already, made with this key; they got no copy."""
        return tuple(result.photo for result in self.photos if result.status == "already protected")

    @property
    def recognisers(self) -> tuple[str, ...]:
        """Names of the recognisers that measured the copies, the one that tells people apart first."""
        return tuple(dict.fromkeys(name for result in self.photos for name in result.recognisers))

    @property
    def linked(self) -> tuple[str, ...]:
        """Photos whose copies any of `recognisers` still links to the user."""
        return tuple(result.photo for result in self.photos if result.linked_by)

    @property
    def linked_by(self) -> dict[str, tuple[str, ...]]:
        """Photos whose copies each of `recognisers` still links to the user, by its name."""
        return {
            name: tuple(result.photo for result in self.photos if name in result.linked_by) for name in self.recognisers
        }

    @property
    def still_linked(self) -> str:
        """The numbers of `linked_by` in words: "2 of 12 by dlib-resnet, 0 by sface"; "" where nothing was measured."""
        parts, last = [], 0
        for name, photos in self.linked_by.items():
            # Copies of earlier runs may have been measured by fewer.
            measured = sum(name in result.recognisers for result in self.photos)
            of = "" if measured == last else f" of {measured}"
            parts.append(f"{len(photos)}{of} by {printable(name)}")
            last = measured
        return ", ".join(parts)

    @property
    def measured_by(self) -> str:
        """Who measured, and what that is worth, in two sentences; "" where nothing was measured."""
        if not self.recognisers:
            return ""
        names = [printable(name) for name in self.recognisers]
        took = [printable(name) for name in self.recognisers if name in self.key.provenance.recognisers]
        if not took:
            learnt = "none of them; others may link more"
        else:
            which = "all of them" if len(took) == len(names) > 1 else ", ".join(took)
            learnt = f"{which}: that says nothing about other recognisers"
        return f"Measured on the written files by {', '.join(names)}. The mask was learnt against {learnt}."

    @property
    def lpips(self) -> float | None:
        """Mean LPIPS of the faces of the written files; None where it was not measured."""
        return mean_lpips(face.lpips for result in self.photos for face in result.faces)

    @property
    def restore_records(self) -> Path:
        """The records that exact restoration needs, next to the key."""
        return restore_records_file(self.key_file)

    def to_json(self) -> str:
        """Write the report for programs.

        Returns:
            JSON.
        """
        values = {
            "out": str(self.out),
            "key": str(self.key_file),
            "records": str(self.restore_records),
            "picture": None if self.picture is None else str(self.picture),
            "page": None if self.page is None else str(self.page),
            "recognisers": self.recognisers,
            "linked": self.linked,
            "linked_by": self.linked_by,
            "provenance": asdict(self.key.provenance),
            "ignored": [str(path) for path in self.ignored],
            "lpips": self.lpips,
            "photos": [asdict(result) for result in self.photos],
        }
        return json.dumps(values, indent=1)

    def to_html(self, *, progress: Progress | None = None) -> str:
        """Write the report as a page for people. It shows originals, so it is private. Reads originals and copies.

        Args:
            progress: called with what is being done, photos done and photos in all.

        Returns:
            An HTML document that needs no other file.
        """
        photos = ProtectedPhotos(
            self.folder,
            self.out,
            self.key_file,
            self.key.provenance,
            (*self.photos, *self.earlier),
            self.budget,
            self.measured_by,
        )
        drawing = progress and partial(progress, "drawing the report")
        return render(protection_page(photos, progress=drawing))
