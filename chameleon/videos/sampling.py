"""Pictures of videos that stand for them: where there are no photos to learn from, and where copies are verified."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from guise.models.errors import ImageError, InputError
from guise.models.files import PhotoListing
from guise.models.files.videos.pictures import sampled_names
from guise.models.files.videos.video import read_video

_TO_LEARN = 24  # pictures of all videos; no more are learnt from


def pictures_to_learn_from(folder: Path, listing: PhotoListing) -> tuple[Path, ...]:
    """Choose what shows who the user is: the photos, or pictures of the videos where there are none.

    Args:
        folder: with both.
        listing: what it holds.

    Returns:
        Names for `read_picture`, below the folder.

    Raises:
        InputError: there are no photos, and no video can be read.
    """
    if listing.photos:
        return listing.photos
    names, failures = sample(folder, listing.videos, max(2, _TO_LEARN // max(1, len(listing.videos))))
    if not names and failures:
        more = f" ({len(failures) - 1} more could not be read either)" if len(failures) > 1 else ""
        raise InputError(f"{next(iter(failures.values()))}{more}")
    return tuple(name for video in names.values() for name in video)


def sample(folder: Path, videos: Sequence[Path], count: int) -> tuple[dict[Path, list[Path]], dict[Path, str]]:
    """Name some pictures of each video, evenly spread.

    Args:
        folder: with the videos.
        videos: their paths below it.
        count: how many of each, at most.

    Returns:
        Names for `read_picture`, by the path of the video; and why others could not be read.
    """
    names, failures = {}, {}
    for path in videos:
        try:
            names[path] = sampled_names(path, read_video(folder / path), count)
        except ImageError as error:
            failures[path] = str(error)
    return names, failures
