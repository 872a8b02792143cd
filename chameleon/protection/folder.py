"""Protect a folder with a key: write copies and measure them. A run can be stopped at any moment and taken up again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from guise.chameleon.faces.embedding import EmbeddedFace, FaceReader
from guise.chameleon.faces.linking import Enrolment
from guise.chameleon.faces.selection import FaceSelector
from guise.chameleon.faces.survey import Survey, faces_of
from guise.chameleon.faces.template import FaceTemplate
from guise.chameleon.protection.entries import LogEntry, measurements
from guise.chameleon.protection.frames import FrameFaces, as_read, carry, look_at_frames, measure_frames
from guise.chameleon.protection.group import Group, plan_groups, remember
from guise.chameleon.protection.job import Job, PhotoResult
from guise.chameleon.protection.log import ProtectionLog
from guise.chameleon.protection.measure import FaceMeasurement, measure_saved, with_lpips
from guise.chameleon.protection.patience import fit_group
from guise.chameleon.protection.photo import lay
from guise.chameleon.protection.settings import settings_of
from guise.chameleon.protection.task import Task, near_faces
from guise.chameleon.protection.trial import Fitted, Subject
from guise.chameleon.protection.within import settled
from guise.chameleon.restoration.restore_record import pixels_hash
from guise.models import Recogniser
from guise.models.counting import by_number
from guise.models.errors import ImageError
from guise.models.files import Photo, file_hash, read_photo, write_photo
from guise.models.watching import Progress


def protect_folder(
    job: Job,
    photos: Sequence[Path],
    selector: FaceSelector,
    reader: FaceReader,
    *,
    videos: Sequence[Path] = (),
    survey: Survey | None = None,
    surrogates: Sequence[Recogniser] = (),
    templates: Mapping[str, FaceTemplate] | None = None,
    progress: Progress | None = None,
) -> Iterator[PhotoResult]:
    """Write a protected copy of each photo, and measure it.

    A log next to the key says what has been written. Run again, the same files come out, and finished ones are not
    touched.

    Args:
        job: the folder, the key and how to protect.
        photos: paths below the folder.
        selector: selects the faces to protect.
        reader: detects faces, and measures the copies first.
        videos: paths below the folder that the run protects after the photos.
        survey: the folder's faces, where they are known.
        surrogates: further recognisers that measure the copies.
        templates: the user's face template of each of them, by its name; see `Enrolment`.
        progress: called after each photo, and after each step in which photos are fitted.

    Yields:
        What became of each photo.

    Raises:
        InputError: the log or the restore records cannot be read.
        OutputError: a file cannot be written; photos finished before stay.
    """
    enrolment = Enrolment(reader, selector, surrogates, templates or {})
    run = _Run(job, enrolment, {} if survey is None else survey.faces, progress)
    done = 0
    for group in plan_groups(job, photos, run.settings, run.log, videos=videos):
        for result in run.protect(group):
            yield result
            done += 1
            if progress is not None:
                progress("protecting", done, len(photos))


class _Run:
    """One run over a folder, with its log."""

    def __init__(
        self,
        job: Job,
        enrolment: Enrolment,
        known: Mapping[Path, list[EmbeddedFace]],
        progress: Progress | None,
    ) -> None:
        self._job, self._enrolment, self._known, self._progress = job, enrolment, known, progress
        self._reader, self._selector = enrolment.reader, enrolment.selector
        self.settings = settings_of(job, enrolment.selector)
        self.log = ProtectionLog(job, self.settings)
        self._frames: dict[Path, FrameFaces] = {}

    def protect(self, group: Group) -> Iterator[PhotoResult]:
        """Protect the photos of a group."""
        refiner = self._job.refiner
        faces: dict[Path, list[EmbeddedFace]] = {}
        prepared: list[Task | PhotoResult] = []
        for path in group.photos:
            task = self._prepare(path)
            if isinstance(task, Task):
                if task.finished is None:
                    faces[path] = self._faces(task)
                task = task.light()
            prepared.append(task)
        tasks = [task for task in prepared if isinstance(task, Task)]
        selected = {path: self._selector.select(seen) for path, seen in faces.items()}
        if refiner is not None and group.token and any(selected.values()):
            # Finished ones are fitted with the others, so that these come out as in a run that was not cut short.
            again = {task.path: self._selector.select(self._faces(task)) for task in tasks if task.finished is not None}
            selected = {**selected, **again}
        subjects = [
            Subject(self._job, task, selected[task.path], self._enrolment) for task in tasks if selected.get(task.path)
        ]
        fits = zip(subjects, fit_group(self._job, subjects, progress=self._progress), strict=True)
        fitted = {subject.task.path: fit for subject, fit in fits}
        for task in prepared:
            if isinstance(task, PhotoResult):
                yield task
            elif task.finished is not None:
                if group.token:
                    remember(refiner, task.finished)
                measured = self._measured_before(task, task.finished)
                yield PhotoResult(task.path.as_posix(), "skipped", "already done", measured, self._lost(task.photo))
            elif not selected[task.path]:
                yield PhotoResult(task.path.as_posix(), "no face", _nobody(len(faces[task.path])))
            else:
                notes = (*self._lost(task.photo), *self._left_out(faces[task.path], selected[task.path]))
                yield self._write(task, selected[task.path], fitted[task.path], notes, group.token)

    def _prepare(self, path: Path) -> Task | PhotoResult:
        try:
            photo = read_photo(self._job.folder / path)
        except ImageError as error:
            return PhotoResult(path.as_posix(), "failed", str(error))
        there = file_hash(self._job.out / path)
        # What other settings have written is replaced; what somebody else has put there is not.
        ours = there is not None and there in self.log.written
        finished = self.log.finished(photo.sha256, path.as_posix(), there)
        if finished is None and self.log.made(photo):
            return PhotoResult(path.as_posix(), "already protected", "it is a copy that this key has protected")
        if photo.frames and (finished is None or self._job.refiner is not None):
            self._frames[path] = look_at_frames(photo, path.as_posix(), self._reader, self._selector)
            photo = self._frames[path].photo
        return Task(path, photo, ours, finished)

    def _faces(self, task: Task) -> list[EmbeddedFace]:
        if task.path in self._frames:
            return self._frames[task.path].faces
        if task.path in self._known:
            return self._known[task.path]
        return faces_of(task.whole(self._job.folder), task.path, self._reader)

    def _measured_before(self, task: Task, finished: LogEntry) -> tuple[FaceMeasurement, ...]:
        """What the log says of a finished copy, and LPIPS, whose weights may have come since."""
        measured, lpips = measurements(finished), self._job.lpips
        if lpips is None or all(face.lpips is not None for face in measured):
            return measured
        saved = read_photo(self._job.out / task.path).pixels
        original = task.whole(self._job.folder)
        return tuple(with_lpips(face, original, saved, lpips) for face in measured)

    def _lost(self, photo: Photo) -> tuple[str, ...]:
        """What its copy does not carry over."""
        if not photo.left_out or not self._job.keep_metadata:
            return photo.notes
        return (*photo.notes, f"left out of its metadata: {', '.join(photo.left_out)}")

    def _left_out(self, faces: Sequence[EmbeddedFace], selected: Sequence[EmbeddedFace]) -> list[str]:
        """A user is expected once in a photo; collages and mirrors show them again."""
        if not self._selector.one_person:
            return []
        again = sum(self._selector.matches(face.embedding) for face in faces) - len(selected)
        if again <= 0:
            return []
        return [f"{again} more of its faces may be the user's and got no mask: see `user_face=all`"]

    def _write(
        self,
        task: Task,
        selected: Sequence[EmbeddedFace],
        fitted: Fitted | ImageError,
        notes: tuple[str, ...],
        token: str,
    ) -> PhotoResult:
        job, name, target = self._job, task.path.as_posix(), self._job.out / task.path
        try:
            if isinstance(fitted, ImageError):
                raise fitted
            photo = task.whole(self._job.folder)
            described = fitted.described(photo)
            masked, frames = lay(described, job.key.mask, fitted.placements), self._frames.get(task.path)
            originals: Sequence[np.ndarray | None] | None = None
            if frames is None:
                within = settled(job, task.path, described, masked, selected)
                protected, originals = [within.protected], within.originals
                del within
            else:
                protected = carry(job, frames, masked, fitted.refined)
            pixels = [picture.pixels for picture in protected]
            placements, original = protected[0].placements, pixels_hash(photo.at(0).pixels)
            if described is not photo:
                notes = (*notes, "compressed less than its original, so that it holds a stronger mask")
            how = {"keep_metadata": job.keep_metadata, "overwrite": task.ours}
            notes = (*notes, *write_photo(target, described, pixels, **how))
            photo = near_faces(described, selected)  # a large one may not fit the memory twice
            if frames is None:
                del described, masked, protected, pixels
            saved = read_photo(target)
        except ImageError as error:
            return PhotoResult(name, "failed", str(error))
        # First that the file is ours, so that a run stopped from here on can replace it; what it is like follows.
        started = self.log.start(name, photo, saved, token)
        if frames is None:
            seen = measure_saved(photo, saved.pixels, selected, self._enrolment, originals=originals)
        else:
            shown = as_read(photo, protected, saved)
            seen = measure_frames(frames, shown, self._enrolment)
            for number, picture in enumerate(protected):
                self.log.restorable(name, photo.at(number), shown[number], picture.placements)
            notes = (*notes, frames.note)
        measured = tuple(with_lpips(face, photo, saved.pixels, job.lpips) for face in seen)
        finished = self.log.finish(
            started, photo.at(0), saved, placements, measured, [face.directions for face in fitted.refined], original
        )
        remember(job.refiner, finished)
        if fitted.again:
            notes = (*notes, f"fitted again {'once' if fitted.again == 1 else f'{fitted.again} times'}")
        return PhotoResult(name, "protected", faces=measured, notes=notes)


def _nobody(faces: int) -> str:
    if not faces:
        return "no face was found"
    return f"{by_number(faces, 'its one face is not', f'none of its {faces} faces is')} the user's"
