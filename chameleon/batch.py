"""Protect a folder with a key: write copies and measure them, resumable at any moment."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from chameleon import restoration
from chameleon.key import Key
from chameleon.owner import Sighting
from chameleon.perception.budget import Budget, Visibility
from chameleon.protection import FaceReader, Measured, measure_saved, protect_photo
from chameleon.survey import Chooser, Progress, Survey, faces_of
from models.errors import ImageError
from models.files import Manifest, Photo, read_photo, settings_hash, write_photo

Status = Literal["protected", "skipped", "no face", "failed"]


@dataclass(frozen=True)
class PhotoResult:
    """What became of one photo.

    Attributes:
        photo: its path below the folder.
        status: protected, skipped (already done), no face (of the user's) or failed.
        reason: why it was not protected, else "".
        faces: measurements of the protected faces on the written file.
        notes: what the copy does not carry over exactly.
    """

    photo: str
    status: Status
    reason: str = ""
    faces: tuple[Measured, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Job:
    """A folder to protect.

    Attributes:
        folder: with the originals.
        out: where the copies go; the same tree.
        key: the user's.
        key_file: where it lies; the manifest and the records for restoration are kept beside it.
        budget: how visible the mask may be; None puts it on as learnt.
        keep_metadata: keep EXIF, GPS included.
    """

    folder: Path
    out: Path
    key: Key
    key_file: Path
    budget: Budget | None
    keep_metadata: bool = False


def protect_folder(
    job: Job,
    photos: Sequence[Path],
    chooser: Chooser,
    reader: FaceReader,
    *,
    found: Survey | None = None,
    progress: Progress | None = None,
) -> Iterator[PhotoResult]:
    """Write a protected copy of each of `photos`, paths below the folder, and measure it.

    What has been written is in a manifest: run again, the same files come out, and finished ones are not touched.

    Raises:
        OutputError: a file cannot be written; photos finished before stay.
    """
    run = _Run(job, chooser, reader)
    for done, path in enumerate(photos, 1):
        try:
            result = run.protect(path, None if found is None else found.sightings.get(path))
        except ImageError as error:
            result = PhotoResult(path.as_posix(), "failed", str(error))
        yield result
        if progress is not None:
            progress("protecting", done, len(photos))


class _Run:
    """One run over a folder, with its logs."""

    def __init__(self, job: Job, chooser: Chooser, reader: FaceReader) -> None:
        self.job, self.chooser, self.reader = job, chooser, reader
        self.manifest = Manifest(manifest_beside(job.key_file), mode=0o600)
        self.records = restoration.open_records(job.key_file)
        self.settings = settings_hash(
            {
                "mask": job.key.mask.digest,
                "budget": None if job.budget is None else asdict(job.budget),
                "faces": chooser.which,
                "owner": chooser.owner.centroid.tolist(),
                "keep_metadata": job.keep_metadata,
                "guise": version("guise"),
            }
        )

    def protect(self, path: Path, sightings: list[Sighting] | None) -> PhotoResult:
        """Protect one photo, whose faces are `sightings` if they are known."""
        name, target, mask = path.as_posix(), self.job.out / path, self.job.key.mask
        photo = read_photo(self.job.folder / path)
        there = _hash(target)
        measured = self._done(photo, name, there)
        if measured:
            return PhotoResult(name, "skipped", "already done", measured, photo.notes)
        faces = faces_of(photo, path, self.reader) if sightings is None else sightings
        chosen = self.chooser.pick(faces)
        if not chosen:
            reason = "no face was found" if not faces else f"none of its {len(faces)} faces is the user's"
            return PhotoResult(name, "no face", reason)
        protected = protect_photo(photo, [sighting.face for sighting in chosen], mask, budget=self.job.budget)
        # What other settings have written is replaced; what somebody else has put there is not.
        ours = there is not None and there in self.manifest.texts("output_sha256")
        write_photo(target, photo, protected.pixels, keep_metadata=self.job.keep_metadata, overwrite=ours)
        saved = read_photo(target)
        measured = tuple(measure_saved(photo.pixels, saved.pixels, chosen, self.chooser.person, self.reader))
        self.records.append(restoration.record_of(name, photo, saved.pixels, protected.placements, mask))
        self.manifest.append(
            {
                "source_sha256": photo.sha256,
                "settings_hash": self.settings,
                "name": name,
                "output_sha256": saved.sha256,
                "output_pixels": restoration.pixels_hash(saved.pixels),
                "faces": [asdict(face) for face in measured],
            }
        )
        return PhotoResult(name, "protected", faces=measured, notes=photo.notes)

    def _done(self, photo: Photo, name: str, there: str | None) -> tuple[Measured, ...]:
        """What an earlier run has measured, if the file `there` is its work and can still be restored."""
        before = self.manifest.find(photo.sha256, self.settings, name)
        if before is None or there is None or there != before.get("output_sha256"):
            return ()
        if self.records.find(str(before.get("output_pixels")), self.job.key.mask.digest, "") is None:
            return ()
        return _recall(before)


def manifest_beside(key: Path) -> Path:
    """Where the log of photos protected with the key file `key` lies: it tells of the originals, so not among them."""
    return key.with_name(key.name + ".manifest")


def _hash(path: Path) -> str | None:
    """Hexadecimal SHA-256 of a file that can be read, else None."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return None


def _recall(record: dict[str, Any]) -> tuple[Measured, ...]:
    """What the manifest says was measured; nothing where it does not say it as this program does."""
    try:
        return tuple(Measured(**{**face, "visibility": Visibility(**face["visibility"])}) for face in record["faces"])
    except (KeyError, TypeError):
        return ()
