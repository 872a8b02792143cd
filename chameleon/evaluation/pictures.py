"""Files of several pictures, frames or pages: which picture of a copy belongs to which of its original."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from guise.models.counting import counted
from guise.models.errors import ImageError
from guise.models.files import Photo


def pictures_of(photo: Photo) -> list[int]:
    """Number the pictures of a file that differ from the one before.

    Args:
        photo: as read.

    Returns:
        Their numbers, from 0; of a file with a single picture [0].
    """
    frames = photo.frames
    return [0] + [
        number
        for number in range(1, len(frames))
        if not np.array_equal(frames[number - 1].pixels, frames[number].pixels)
    ]


def same_picture(original: Photo, copy: Photo, number: int) -> Photo:
    """Find the picture of a copy that is shown when one of its original is.

    Args:
        original: as read.
        copy: as read. An encoder may have joined frames that are equal.
        number: of the picture in the original.

    Returns:
        A photo of that picture alone.

    Raises:
        ImageError: the copy has other pictures than the original.
    """
    counts = max(len(original.frames), 1), max(len(copy.frames), 1)
    if counts[0] == counts[1]:
        return copy.at(number)
    starts, after = _starts(original), _starts(copy)
    if starts is None or (after is None and counts[1] > 1) or counts[1] > counts[0]:
        raise ImageError(f"the copy has {counted(counts[1], 'picture')} and its original {counts[0]}")
    if after is None:
        return copy
    return copy.at(max(at for at, start in enumerate(after) if start <= starts[number] + 0.5))


def _starts(photo: Photo) -> Sequence[float] | None:
    """When each frame begins, in milliseconds; None for pages."""
    durations = [frame.duration for frame in photo.frames]
    if not durations or any(duration is None for duration in durations):
        return None
    return list(accumulate((duration or 0.0 for duration in durations[:-1]), initial=0.0))
