"""Protect videos with a key: follow the user's face, fit masks, write the copies and measure them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from functools import partial
from pathlib import Path

import numpy as np

from guise.chameleon.faces.linking import Enrolment
from guise.chameleon.protection.entries import measurements, video_summary
from guise.chameleon.protection.frames import masked_pictures
from guise.chameleon.protection.group import remember
from guise.chameleon.protection.job import Job, PhotoResult, VideoSummary
from guise.chameleon.protection.log import ProtectionLog
from guise.chameleon.protection.settings import settings_of
from guise.chameleon.videos.fitting import Fitting, fit_masks
from guise.chameleon.videos.measuring import measure_video
from guise.chameleon.videos.plan import changes_of
from guise.chameleon.videos.track import Tracked
from guise.chameleon.videos.tracking import Tracker
from guise.models.counting import by_number, counted
from guise.models.errors import ImageError
from guise.models.files import file_hash, printable
from guise.models.files.videos.pictures import pictures_in
from guise.models.files.videos.video import Video, read_video
from guise.models.files.videos.writing import Written, write_video
from guise.models.watching import Progress

_LONGEST_SIDE = 1280  # of the pictures in which faces are looked for; as for photos
_VERSION = 3  # of how videos are protected: finished copies of another one are written again


def protect_videos(
    job: Job, videos: Sequence[Path], enrolment: Enrolment, *, progress: Progress | None = None
) -> Iterator[PhotoResult]:
    """Write a protected copy of each video, and measure it.

    Stopped and run again, it begins anew with the video that was not finished; finished ones are not touched.

    Args:
        job: the folder, the key and how to protect.
        videos: paths below the folder.
        enrolment: the recognisers that measure, and whose faces to protect.
        progress: called with what is being done to a video, pictures done and pictures in all.

    Yields:
        What became of each video.

    Raises:
        InputError: the log or the restore records cannot be read.
        OutputError: a file cannot be written; videos finished before stay.
    """
    if not videos:
        return
    log = ProtectionLog(job, settings_of(job, enrolment.selector, video=_VERSION))
    for path in videos:
        yield _Protection(job, path, enrolment, log, progress).result()


def track_faces(video: Video, enrolment: Enrolment, *, on_frame: Callable[[int, int], None] | None = None) -> Tracked:
    """Follow the faces to protect through a video.

    Args:
        video: the file.
        enrolment: finds and selects them.
        on_frame: called with pictures done and pictures in all.

    Returns:
        The faces, in pixels of the video's pictures as people see them.

    Raises:
        ImageError: it is damaged, or its size changes.
    """
    tracker = Tracker(enrolment.reader, enrolment.selector)
    width, height = video.size
    scale = min(1.0, _LONGEST_SIDE / max(width, height))
    small = (max(1, round(width * scale)), max(1, round(height * scale)))
    for picture in pictures_in(video):
        tracker.feed(picture.reduced(*small), float(picture.time))
        if on_frame is not None:
            on_frame(picture.number + 1, max(video.frames, picture.number + 1))
    return tracker.finish().enlarged(np.array([width / small[0], height / small[1]]))


class _Protection:
    """One video that is being protected."""

    def __init__(
        self, job: Job, path: Path, enrolment: Enrolment, log: ProtectionLog, progress: Progress | None
    ) -> None:
        self._job, self._path, self._enrolment, self._log = job, path, enrolment, log
        self._name, self._progress = path.as_posix(), progress
        self._target = job.out / path

    def result(self) -> PhotoResult:
        """Protect it."""
        try:
            video = read_video(self._job.folder / self._path)
            there = file_hash(self._target)
            finished = self._log.finished(video.sha256, self._name, there)
            if finished is not None:
                remember(self._job.refiner, finished)
                faces, summary = measurements(finished), video_summary(finished)
                notes = tuple(map(str, finished.get("notes", ())))
                return PhotoResult(self._name, "skipped", "already done", faces, notes, summary)
            if self._log.wrote(video.sha256):
                return PhotoResult(self._name, "already protected", "it is a copy that this key has protected")
            tracked = track_faces(video, self._enrolment, on_frame=self._step("looking for faces"))
            if not tracked.masked:
                one, many = "its one picture does not show", f"none of its {tracked.frames} pictures shows"
                reason = f"{by_number(tracked.frames, one, many)} the user's face"
                return PhotoResult(self._name, "no face", reason)
            fitting = fit_masks(self._job, video, tracked, self._enrolment, on_key=self._step("fitting the mask"))
            if not any(float(knot.value) for plan in fitting.plans for knot in plan.amplitudes):
                raise ImageError("no mask fits the budget of visibility: choose a higher `strength=`")
            return self._write(video, tracked, fitting, ours=there is not None and there in self._log.written)
        except ImageError as error:
            return PhotoResult(self._name, "failed", str(error))

    def _write(self, video: Video, tracked: Tracked, fitting: Fitting, *, ours: bool) -> PhotoResult:
        width, height = video.size
        step = self._step("writing")
        written = write_video(
            self._target,
            video,
            changes_of(fitting.plans, tracked.times, height=height, width=width),
            keep_metadata=self._job.keep_metadata,
            overwrite=ours,
            on_frame=None if step is None else lambda done: step(done, tracked.frames),
        )
        copy = read_video(self._target)
        started = self._log.start(self._name, video, copy, "")
        measured = measure_video(
            self._path, video, copy, tracked, self._enrolment, masked=written.changed, lpips=self._job.lpips
        )
        notes = _notes(video, copy, written, measured.summary)
        entry = {**started, "video": asdict(measured.summary), "notes": list(notes)}
        directions = fitting.directions[:1]  # one stands for the video, as one photo does
        remember(self._job.refiner, self._log.complete(entry, measured.faces, directions))
        return PhotoResult(self._name, "protected", faces=measured.faces, notes=notes, video=measured.summary)

    def _step(self, what: str) -> Callable[[int, int], None] | None:
        return None if self._progress is None else partial(self._progress, f"{printable(self._path.name)}: {what}")


def _notes(video: Video, copy: Video, written: Written, summary: VideoSummary) -> tuple[str, ...]:
    """What a person should know of the copy."""
    notes = [masked_pictures(summary.masked, summary.frames)]
    if summary.carried:
        notes.append(f"in {summary.carried} of these the face was found before and after only: its place was guessed")
    if summary.missed:
        missed, them = counted(summary.missed, "picture"), by_number(summary.missed, "it", "them")
        notes.append(f"{missed} right before or after these got none: the face was not found in {them}")
    counts = ", ".join(f"{after} by {printable(name)}" for name, (_, after) in summary.linked.items())
    notes.append(f"of {counted(summary.measured, 'picture')} measured, still linked: {counts}")
    notes += written.notes
    notes.append(f"its size is {copy.bytes / max(video.bytes, 1):.1f} times the original's")
    if written.left_out:
        notes.append(f"left out: {', '.join(written.left_out)}")
    return tuple(notes)
