"""What `protect` says: the plan of a dry run, the report of a run, and the picture of before and after."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import click

from guise.chameleon.faces.selection import FaceSelector
from guise.chameleon.faces.survey import Survey
from guise.chameleon.protection.job import Job, PhotoResult
from guise.chameleon.protection.photo import Measured
from guise.chameleon.protection.sheet import Pair, draw_pairs, face_crop
from guise.chameleon.restoration.restore_record import restore_records_file
from guise.cli import console
from guise.models.errors import ImageError, OutputError
from guise.models.files import printable, read_photo
from guise.models.recognisers.registry import READER

_MOST_SHOWN = 6
_FEW_PHOTOS = 8


def show_plan(found: Survey, selector: FaceSelector, out: Path, *, learn: bool, as_json: bool) -> None:
    """What a run would do."""
    rows: list[dict[str, Any]] = [
        {"photo": photo.as_posix(), "faces": len(faces), "protect": len(selector.select(faces)), "note": ""}
        for photo, faces in found.faces.items()
    ]
    rows += [{"photo": p.as_posix(), "faces": 0, "protect": 0, "note": why} for p, why in found.failures.items()]
    if as_json:
        click.echo(json.dumps({"out": str(out), "learn": learn, "photos": rows}, indent=1))
        return
    console.table([{name: str(value) for name, value in row.items()} for row in rows])
    first = "learn a mask and " if learn else ""
    console.message(f"Would {first}write the protected copies to {printable(out)}. Nothing was written.")


@dataclass(frozen=True)
class Outcome:
    """A run over a folder, to report.

    Attributes:
        job: what was to be done.
        results: what became of each photo.
        picture: before and after, None where there is none.
        ignored: files that are no photos.
    """

    job: Job
    results: Sequence[PhotoResult]
    picture: Path | None
    ignored: Sequence[Path]

    def as_json(self) -> dict[str, Any]:
        """The report for programs."""
        return {
            "out": str(self.job.out),
            "key": str(self.job.key_file),
            "records": str(restore_records_file(self.job.key_file)),
            "picture": None if self.picture is None else str(self.picture),
            "provenance": asdict(self.job.key.provenance),
            "ignored": [str(path) for path in self.ignored],
            "photos": [asdict(result) for result in self.results],
        }

    def show(self) -> None:
        """The report for a person."""
        show_results(self.results)
        done = sum(result.status in ("protected", "skipped") for result in self.results)
        lines = [f"\n{done} of {len(self.results)} photos protected in {printable(self.job.out)}"]
        lines += _summary([face for result in self.results for face in result.faces])
        if self.picture is not None:
            lines.append(f"  before/after  {printable(self.picture)}")
        key, records = self.job.key_file, restore_records_file(self.job.key_file)
        lines += [
            f"  key           {printable(key)} - private: it takes the mask off and shows who you are",
            f"  records       {printable(records)} - keep beside the key: exact restoration needs both",
            f"Measured on the written files by {READER}, {self._part()} in learning. Others may still link",
            "them: `guise verify --recogniser NAME` measures with others. Do not post the originals beside the copies.",
        ]
        photos = self.job.key.provenance.photos
        if photos < _FEW_PHOTOS:
            lines.append(f"The mask was learnt on {photos} photo(s): with 12 or more it holds better on new ones.")
        click.echo("\n".join(lines))

    def _part(self) -> str:
        return "which took part" if READER in self.job.key.provenance.recognisers else "which took no part"


def show_results(results: Sequence[PhotoResult]) -> None:
    """What became of each photo, as a table."""
    console.table([_row(result) for result in results])


def _summary(faces: Sequence[Measured]) -> list[str]:
    if not faces:
        return []
    after = [face.similarity_after for face in faces if face.similarity_after is not None]
    before = sum(face.similarity_before for face in faces) / len(faces)
    linked = sum(face.linked_after for face in faces)
    shown = f"{sum(after) / len(after):.2f}" if after else "no face found"
    ssim, flip = min(face.visibility.ssim for face in faces), max(face.visibility.flip for face in faces)
    return [
        f"  similarity    {before:.2f} -> {shown}; still linked to you: {linked} of {len(faces)}",
        f"  looks         SSIM {ssim:.3f}, FLIP {flip:.3f} on the worst face",
    ]


def _row(result: PhotoResult) -> dict[str, str]:
    faces = result.faces
    return {
        "photo": result.photo,
        "status": result.status,
        "similarity": ", ".join(_change(face) for face in faces),
        "linked": "" if not faces else "yes" if any(face.linked_after for face in faces) else "no",
        "SSIM": ", ".join(f"{face.visibility.ssim:.3f}" for face in faces),
        "FLIP": ", ".join(f"{face.visibility.flip:.3f}" for face in faces),
        "note": result.reason or "; ".join(result.notes),
    }


def _change(face: Measured) -> str:
    after = "no face" if face.similarity_after is None else f"{face.similarity_after:.2f}"
    return f"{face.similarity_before:.2f} -> {after}"


def draw(folder: Path, out: Path, results: Sequence[PhotoResult], picture: Path) -> bool:
    """Before and after of a few photos, side by side; False where there is none to show or no way to write it."""
    pairs = []
    try:
        for result in [result for result in results if result.faces][:_MOST_SHOWN]:
            face, names = result.faces[0], (folder / result.photo, out / result.photo)
            before, after = (face_crop(read_photo(name).pixels, face.box) for name in names)
            pairs.append(Pair(before, after, f"similarity {_change(face)}, SSIM {face.visibility.ssim:.3f}"))
        if pairs:
            draw_pairs(pairs, picture)
    except (ImageError, OutputError) as error:
        console.message(f"No before/after picture: {error}")
        return False
    return bool(pairs)
