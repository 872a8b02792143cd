"""Measure a written video on some of its pictures, with faces detected and embedded anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from guise.chameleon.faces.embedding import EmbeddedFace
from guise.chameleon.faces.linking import Enrolment
from guise.chameleon.protection.job import VideoSummary
from guise.chameleon.protection.measure import FaceMeasurement, measure_saved, with_lpips
from guise.chameleon.videos.track import Tracked
from guise.chameleon.visibility.lpips import LpipsMeter
from guise.models.errors import ImageError
from guise.models.files.videos.pictures import as_photo, picture_name, pictures_at
from guise.models.files.videos.video import Video

MEASURED = 8
"""Pictures of a video that are measured, at most; the masks are seen in all of them."""


@dataclass(frozen=True)
class Measured:
    """What was measured of a copy.

    Attributes:
        faces: those of the picture that most recognisers link.
        summary: of all pictures.
        every: the faces of all pictures that were measured.
    """

    faces: tuple[FaceMeasurement, ...]
    summary: VideoSummary
    every: tuple[FaceMeasurement, ...]


def measure_video(
    path: Path,
    original: Video,
    copy: Video,
    tracked: Tracked,
    enrolment: Enrolment,
    *,
    masked: int,
    lpips: LpipsMeter | None,
) -> Measured:
    """Measure a copy on pictures that show the user, evenly spread over them.

    Args:
        path: of the video below its folder.
        original: as read.
        copy: the written file, re-opened.
        tracked: the faces, in pixels of the original.
        enrolment: the recognisers to measure by, and what they know of the user.
        masked: how many pictures got a mask.
        lpips: measures LPIPS; None where its weights are absent.

    Returns:
        What was measured.

    Raises:
        ImageError: one of both files cannot be read, or they do not go together.
    """
    numbers = measured_numbers(tracked)
    times = [Fraction(float(tracked.times[number])) for number in numbers]
    each: list[tuple[int, list[FaceMeasurement]]] = []
    for number, before, after in zip(numbers, pictures_at(original, times), pictures_at(copy, times), strict=True):
        if before.time != after.time:
            raise ImageError(
                "the copy's pictures are shown at other times than the original's: this is a fault of ours"
            )
        photo, saved = as_photo(before), after.pixels()
        faces = [track.sightings[number].face for track in tracked.tracks if number in track.sightings]
        rows = enrolment.reader.embed([(photo.pixels, face) for face in faces])
        known = [EmbeddedFace(str(path), face, row) for face, row in zip(faces, rows, strict=True)]
        measured = measure_saved(photo, saved, known, enrolment)
        each.append((number, [with_lpips(face, photo, saved, lpips) for face in measured]))
    number, faces_there = max(each, key=lambda item: _exposed(item[1]))
    names = dict.fromkeys(link.recogniser for _, faces in each for face in faces for link in face.links)
    summary = VideoSummary(
        frames=tracked.frames,
        masked=masked,
        carried=len(tracked.carried),
        missed=len(tracked.missed),
        measured=len(each),
        linked={name: _linked(name, [faces for _, faces in each]) for name in names},
        shown=picture_name(path, float(tracked.times[number])).as_posix(),
    )
    return Measured(tuple(faces_there), summary, tuple(face for _, faces in each for face in faces))


def measured_numbers(tracked: Tracked) -> list[int]:
    """Choose pictures.

    Args:
        tracked: the faces.

    Returns:
        Numbers of at most `MEASURED` pictures in which a face was found, evenly spread over these.
    """
    shown = sorted(tracked.masked - tracked.carried)
    places = (
        np.linspace(0, len(shown) - 1, min(MEASURED, len(shown)) + 2)[1:-1] if len(shown) > 2 else range(len(shown))
    )
    return sorted({shown[round(float(place))] for place in places})


def _linked(name: str, pictures: Sequence[Sequence[FaceMeasurement]]) -> tuple[int, int]:
    """How many pictures a recogniser links before and after."""
    links = [[link for face in faces for link in face.links if link.recogniser == name] for faces in pictures]
    return (
        sum(any(link.linked_before for link in picture) for picture in links),
        sum(any(link.linked_after for link in picture) for picture in links),
    )


def _exposed(measured: Sequence[FaceMeasurement]) -> tuple[int, float]:
    similar = [face.similarity_after for face in measured if face.similarity_after is not None]
    return sum(len(face.linked_by) for face in measured), max(similar, default=-1.0)
