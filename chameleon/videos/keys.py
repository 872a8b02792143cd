"""Pictures of a video in which a face is looked at closely."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from guise.chameleon.videos.track import Tracked
from guise.models.files import Photo
from guise.models.files.videos.pictures import as_photo, pictures_at
from guise.models.files.videos.video import Video


@dataclass(frozen=True, order=True)
class Key:
    """A face in a picture.

    Attributes:
        number: of the picture.
        track: of the face.
    """

    number: int
    track: int


def found(tracked: Tracked, track: int, run: Iterable[int]) -> list[int]:
    """Of some pictures in a row, those in which the face was found and not only carried.

    Args:
        tracked: what was found in the video.
        track: of the face.
        run: numbers of pictures that show it.
    """
    sightings = tracked.tracks[track].sightings
    return [number for number in run if not sightings[number].carried]


def nearest(tracked: Tracked, numbers: list[int], time: float) -> int:
    """Of some pictures, the one nearest to a moment.

    Args:
        tracked: knows when each picture is shown.
        numbers: of the pictures, at least one.
        time: in seconds.
    """
    return min(numbers, key=lambda number: abs(float(tracked.times[number]) - time))


def spread(tracked: Tracked, track: int, run: list[int], seconds: float, *, ends: bool = False) -> list[int]:
    """Choose pictures of a run at most so many seconds apart.

    Args:
        tracked: what was found in the video.
        track: of the face.
        run: pictures in a row that show it.
        seconds: between two of them, about.
        ends: whether the first and the last picture are among them, instead of the middles between.

    Returns:
        Their numbers in order; none where the face was found in no picture of the run.
    """
    there = found(tracked, track, run)
    first, last = (float(tracked.times[number]) for number in (run[0], run[-1]))
    parts = max(1, int(np.ceil((last - first) / seconds)))
    shares = np.linspace(0, 1, parts + 1) if ends else (np.arange(parts) + 0.5) / parts
    return sorted({nearest(tracked, there, first + share * (last - first)) for share in shares}) if there else []


def photos_of(video: Video, tracked: Tracked, keys: Iterable[Key]) -> Iterator[tuple[Key, Photo]]:
    """Open pictures as photos, one at a time.

    Args:
        video: the file.
        tracked: knows when each picture is shown.
        keys: the pictures.

    Yields:
        Each key with its picture, in the order of the video.

    Raises:
        ImageError: the video cannot be read.
    """
    ordered = sorted(keys)
    pictures = pictures_at(video, [Fraction(float(tracked.times[n])) for n in sorted({key.number for key in ordered})])
    photo, number = None, -1
    for key in ordered:
        if photo is None or key.number != number:
            photo, number = as_photo(next(pictures)), key.number
        yield key, photo
