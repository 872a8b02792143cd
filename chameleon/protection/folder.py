"""Protect a folder with a key: write copies and measure them, resumable at any moment."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

import numpy as np

from guise.chameleon.faces.crop import Portrait
from guise.chameleon.faces.embedding import FaceReader
from guise.chameleon.faces.survey import Chooser, Progress, Survey, faces_of
from guise.chameleon.faces.template import Sighting
from guise.chameleon.learning.refine import Refined, Refiner
from guise.chameleon.mask.key import Key
from guise.chameleon.protection.photo import Measured, measure_saved, protect_photo
from guise.chameleon.restoration import restore as restoration
from guise.chameleon.visibility.budget import Budget, Visibility
from guise.models.errors import ImageError
from guise.models.files import Manifest, Photo, file_hash, pack, read_photo, settings_hash, unpack, write_photo

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
        refiner: fits the mask to each face first; None puts the user's own mask on all.
    """

    folder: Path
    out: Path
    key: Key
    key_file: Path
    budget: Budget | None
    keep_metadata: bool = False
    refiner: Refiner | None = None


_TOGETHER = 8
"""Photos whose masks are refined at once: costs less than one by one, and each is kept apart from the others."""


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
    known = {} if found is None else found.sightings
    done = 0
    for group in run.groups(photos):
        for result in run.protect(group, known):
            yield result
            done += 1
            if progress is not None:
                progress("protecting", done, len(photos))


@dataclass(frozen=True)
class _Task:
    """A photo of the folder.

    Attributes:
        path: below the folder.
        photo: as read.
        ours: there is a copy that an earlier run has written.
        before: what that run has noted, if it had these settings: there is nothing to do.
    """

    path: Path
    photo: Photo
    ours: bool
    before: dict[str, Any] | None


@dataclass(frozen=True)
class _Group:
    """Photos whose masks are refined at once.

    Attributes:
        photos: paths below the folder.
        token: of these photos and all before them, by name and bytes; what is written bears it. "": some were written
            when they or those before were others, and stay as they are.
    """

    photos: Sequence[Path]
    token: str


class _Run:
    """One run over a folder, with its logs."""

    def __init__(self, job: Job, chooser: Chooser, reader: FaceReader) -> None:
        self.job, self.chooser, self.reader = job, chooser, reader
        self.manifest = Manifest(manifest_beside(job.key_file), mode=0o600)
        # Of this folder: a copy of another folder's photo that goes by the same name is not ours to replace.
        self.folder = settings_hash({"folder": str(job.folder.resolve())})
        self.written = {
            str(record.get("output_sha256"))
            for record in self.manifest.records()
            if record.get("folder") == self.folder
        }
        self.records = restoration.open_records(job.key_file)
        self.settings = settings_hash(
            {
                "mask": job.key.mask.digest,
                "budget": None if job.budget is None else asdict(job.budget),
                "refiner": None if job.refiner is None else job.refiner.describe(),
                "faces": chooser.which,
                "owner": chooser.owner.centroid.tolist(),
                "keep_metadata": job.keep_metadata,
                "guise": version("guise"),
            }
        )

    def groups(self, photos: Sequence[Path]) -> list[_Group]:
        """`photos`, to be protected group by group, and kept apart from what earlier runs with this mask protected.

        That is from the start all but this run's own photos: these are kept apart from as they come, so that a run
        that was cut short goes on as it began. Where that cannot be, they stand from the start as they are.
        """
        if self.job.refiner is None:
            return [_Group([path], "") for path in photos]
        sources = {path: file_hash(self.job.folder / path) or "" for path in photos}
        groups: list[_Group] = []
        stay: set[tuple[str, str]] = set()
        token = ""
        for start in range(0, len(photos), _TOGETHER):
            some = photos[start : start + _TOGETHER]
            keys = [(sources[path], path.as_posix()) for path in some]
            token = settings_hash({"before": token, "photos": keys})
            done = [self._done(*key, file_hash(self.job.out / path)) for key, path in zip(keys, some, strict=True)]
            joined = any(before is not None and before.get("group") != token for before in done)
            stay.update(key for key, before in zip(keys, done, strict=True) if joined and before is not None)
            groups.append(_Group(some, "" if joined else token))
        here = set(sources.values())
        for record in self.manifest.records():
            source = record["source_sha256"]
            stays = record["settings_hash"] == self.settings and (source, record["name"]) in stay
            if record.get("mask") == self.job.key.mask.digest and (stays or source not in here):
                self._remember(record)
        return groups

    def protect(self, group: _Group, known: Mapping[Path, list[Sighting]]) -> Iterator[PhotoResult]:
        """Protect some photos at once; of some the faces are known."""
        prepared = [self._prepare(path) for path in group.photos]
        tasks = [task for task in prepared if isinstance(task, _Task)]
        faces = {task.path: self._faces(task, known) for task in tasks if task.before is None}
        chosen = {path: self.chooser.pick(sightings) for path, sightings in faces.items()}
        refined = {}
        if self.job.refiner is not None and any(chosen.values()):
            # Finished ones are refined with the others, so that these come out as in a run that was not cut short.
            finished = [task for task in tasks if task.before is not None and group.token]
            again = {task.path: self.chooser.pick(self._faces(task, known)) for task in finished}
            refined = self._refine(tasks, {**chosen, **again})
        for task in prepared:
            if isinstance(task, PhotoResult):
                yield task
            elif task.before is not None:
                if group.token:
                    self._remember(task.before)
                done = _recall(task.before)
                yield PhotoResult(task.path.as_posix(), "skipped", "already done", done, task.photo.notes)
            elif not chosen[task.path]:
                count = len(faces[task.path])
                reason = f"none of its {count} faces is the user's" if count else "no face was found"
                yield PhotoResult(task.path.as_posix(), "no face", reason)
            else:
                notes = (*task.photo.notes, *self._left_out(faces[task.path], chosen[task.path]))
                yield self._write(task, chosen[task.path], refined.get(task.path), notes, group.token)

    def _prepare(self, path: Path) -> _Task | PhotoResult:
        try:
            photo = read_photo(self.job.folder / path)
        except ImageError as error:
            return PhotoResult(path.as_posix(), "failed", str(error))
        there = file_hash(self.job.out / path)
        # What other settings have written is replaced; what somebody else has put there is not.
        ours = there is not None and there in self.written
        return _Task(path, photo, ours, self._done(photo.sha256, path.as_posix(), there))

    def _faces(self, task: _Task, known: Mapping[Path, list[Sighting]]) -> list[Sighting]:
        return known[task.path] if task.path in known else faces_of(task.photo, task.path, self.reader)

    def _refine(self, tasks: Sequence[_Task], chosen: Mapping[Path, Sequence[Sighting]]) -> dict[Path, list[Refined]]:
        assert self.job.refiner is not None
        where = [(task, sighting) for task in tasks for sighting in chosen.get(task.path, ())]
        refined: dict[Path, list[Refined]] = {task.path: [] for task in tasks}
        for start in range(0, len(where), _TOGETHER):
            some = where[start : start + _TOGETHER]
            portraits = [Portrait.cut(t.photo.pixels, sighting.face, grey=t.photo.grey) for t, sighting in some]
            seed = settings_hash({"mask": self.job.key.mask.digest, "photo": some[0][0].photo.sha256, "start": start})
            for (task, _), one in zip(some, self.job.refiner.refine(portraits, seed=int(seed, 16) >> 1), strict=True):
                refined[task.path].append(one)
        return refined

    def _left_out(self, faces: Sequence[Sighting], chosen: Sequence[Sighting]) -> list[str]:
        """A user is expected once in a photo; collages and mirrors show them again."""
        person = self.chooser.person
        again = 0 if person is None else sum(person.owns(face.embedding) for face in faces) - len(chosen)
        if again <= 0:
            return []
        return [f"{again} more of its faces may be the user's and got no mask: see --user-face all"]

    def _write(
        self,
        task: _Task,
        chosen: Sequence[Sighting],
        refined: Sequence[Refined] | None,
        notes: tuple[str, ...],
        token: str,
    ) -> PhotoResult:
        job, photo, name, target = self.job, task.photo, task.path.as_posix(), self.job.out / task.path
        try:
            protected = protect_photo(
                photo,
                [sighting.face for sighting in chosen],
                job.key.mask,
                budget=job.budget,
                refinements=None if refined is None else [one.refinement for one in refined],
            )
            write_photo(target, photo, protected.pixels, keep_metadata=job.keep_metadata, overwrite=task.ours)
            saved = read_photo(target)
        except ImageError as error:
            return PhotoResult(name, "failed", str(error))
        record: dict[str, Any] = {
            "source_sha256": photo.sha256,
            "settings_hash": self.settings,
            "name": name,
            "folder": self.folder,
            "mask": job.key.mask.digest,
            "group": token,
            "output_sha256": saved.sha256,
        }
        # First that the file is ours, so that a run stopped from here on can replace it; what it is like follows.
        self.manifest.append(record)
        self.written.add(saved.sha256)
        measured = tuple(measure_saved(photo.pixels, saved.pixels, chosen, self.chooser.person, self.reader))
        standings = [one.standing for one in refined or ()]
        self.records.append(restoration.record_of(name, photo, saved.pixels, protected.placements, job.key.mask))
        record |= {
            "output_pixels": restoration.pixels_hash(saved.pixels),
            "faces": [asdict(face) for face in measured],
            "standings": [{key: _packed(row) for key, row in standing.items()} for standing in standings],
        }
        self.manifest.append(record)
        self._remember(record)
        return PhotoResult(name, "protected", faces=measured, notes=notes)

    def _done(self, source: str, name: str, there: str | None) -> dict[str, Any] | None:
        """What an earlier run has noted, if the file `there` is its work and can still be restored."""
        before = self.manifest.find(source, self.settings, name)
        if before is None or there is None or there != before.get("output_sha256"):
            return None
        if self.records.find(str(before.get("output_pixels")), self.job.key.mask.digest, "") is None:
            return None
        return before if _recall(before) else None

    def _remember(self, record: Mapping[str, Any]) -> None:
        """Keep later photos apart from the faces of one in the manifest."""
        if self.job.refiner is not None:
            # A garbled line counts as absent.
            with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
                for standing in record["standings"]:
                    self.job.refiner.remember({name: _unpacked(text) for name, text in standing.items()})


_STANDING_UNIT = 1 / 127


def _packed(direction: np.ndarray) -> str:
    """A unit vector (D,) in 8 bits a number."""
    return pack(np.rint(direction / _STANDING_UNIT).astype(np.int8))


def _unpacked(text: str) -> np.ndarray:
    return np.float32(_STANDING_UNIT) * unpack(text, (-1,)).astype(np.float32)


def manifest_beside(key: Path) -> Path:
    """Where the log of photos protected with the key file `key` lies: it tells of the originals, so not among them."""
    return key.with_name(key.name + ".manifest")


def _recall(record: dict[str, Any]) -> tuple[Measured, ...]:
    """What the manifest says was measured; nothing where it does not say it as this program does."""
    try:
        return tuple(Measured(**{**face, "visibility": Visibility(**face["visibility"])}) for face in record["faces"])
    except (KeyError, TypeError):
        return ()
