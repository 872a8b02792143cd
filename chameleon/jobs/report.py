"""What `protect` and `plan` return: typed, as JSON for programs and as a page for people."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from guise.chameleon.faces.selection import FaceSelector
from guise.chameleon.faces.survey import Survey
from guise.chameleon.jobs.page import page
from guise.chameleon.mask.key import Key
from guise.chameleon.protection.job import PhotoResult
from guise.chameleon.restoration.restore_record import restore_records_file
from guise.chameleon.visibility.lpips import NOT_MEASURED, mean_lpips


@dataclass(frozen=True)
class ProtectionPlan:
    """What `protect` would do.

    Attributes:
        out: where the copies would go.
        survey: the faces that the folder shows.
        selector: selects those that would get a mask.
        learn: a mask would be learnt first.
    """

    out: Path
    survey: Survey
    selector: FaceSelector
    learn: bool

    @property
    def rows(self) -> list[dict[str, Any]]:
        """For each photo: `photo`, `faces`, how many of them to `protect`, and a `note`."""
        seen = [
            {"photo": photo.as_posix(), "faces": len(faces), "protect": len(self.selector.select(faces)), "note": ""}
            for photo, faces in self.survey.faces.items()
        ]
        return seen + [
            {"photo": photo.as_posix(), "faces": 0, "protect": 0, "note": why}
            for photo, why in self.survey.failures.items()
        ]

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
    """

    folder: Path
    out: Path
    key: Key
    key_file: Path
    photos: tuple[PhotoResult, ...]
    picture: Path | None
    ignored: tuple[Path, ...]

    @property
    def protected(self) -> tuple[str, ...]:
        """Photos whose protected copies are there, written now or before."""
        return tuple(result.photo for result in self.photos if result.status in ("protected", "skipped"))

    @property
    def linked(self) -> tuple[str, ...]:
        """Photos whose copies the measuring recogniser still links to the user."""
        return tuple(result.photo for result in self.photos if any(face.linked_after for face in result.faces))

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
            "provenance": asdict(self.key.provenance),
            "ignored": [str(path) for path in self.ignored],
            "lpips": self.lpips,
            "photos": [asdict(result) for result in self.photos],
        }
        return json.dumps(values, indent=1)

    def to_html(self) -> str:
        """Write the report as a page for people. It shows originals, so it is private.

        Returns:
            An HTML document that needs no other file.
        """
        linked = set(self.linked)
        rows = [
            (
                result.photo,
                result.status,
                _similarities([face.similarity_after for face in result.faces]),
                "" if not result.faces else "yes" if result.photo in linked else "no",
                ", ".join(f"{face.visibility.ssim:.3f}" for face in result.faces),
                ", ".join(f"{face.visibility.flip:.3f}" for face in result.faces),
                ", ".join("" if face.lpips is None else f"{face.lpips:.3f}" for face in result.faces),
                result.reason or "; ".join(result.notes),
            )
            for result in self.photos
        ]
        summary = (
            f"{len(self.protected)} of {len(self.photos)} photos are protected. The recogniser that measured them "
            f"still links {len(linked)} to you; others may link more. Similarity runs from -1 to 1. SSIM 1 means no "
            f"visible change. LPIPS: {NOT_MEASURED if self.lpips is None else f'{self.lpips:.3f} on average'}."
        )
        titles = ("photo", "status", "similarity after", "still linked", "SSIM", "FLIP", "LPIPS", "note")
        return page("Protected photos", summary, titles, rows, picture=self.picture)


def _similarities(similarities: list[float | None]) -> str:
    return ", ".join("no face" if value is None else f"{value:.2f}" for value in similarities)
