"""Fit masks to key pictures of a video, and find how strong they may be where they are seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from guise.chameleon.faces.crop import FaceCrop
from guise.chameleon.learning.attempt import Attempt
from guise.chameleon.learning.directions import ProtectedDirections
from guise.chameleon.learning.refine import Refiner
from guise.chameleon.protection.job import Job
from guise.chameleon.videos.keys import Key, photos_of, spread
from guise.chameleon.videos.motion import placements_of
from guise.chameleon.videos.plan import Knot, MaskPlan
from guise.chameleon.videos.strength import StrengthFitter
from guise.chameleon.videos.track import Tracked
from guise.models.files import settings_hash
from guise.models.files.videos.video import Video

SECONDS_BETWEEN_MASKS = 3.0
"""Between two pictures to which the mask is fitted."""
_TOGETHER = 8  # faces that are refined at a time

OnKey = Callable[[int, int], None]


@dataclass(frozen=True)
class Fitting:
    """The masks of a video.

    Attributes:
        plans: one for each face.
        directions: where the faces lie, for later photos to keep apart from.
    """

    plans: list[MaskPlan]
    directions: list[ProtectedDirections]


def fit_masks(job: Job, video: Video, tracked: Tracked, *, on_key: OnKey | None = None) -> Fitting:
    """Fit masks to the faces of a video.

    Args:
        job: the mask, its budget and the refiner.
        video: the original.
        tracked: its faces, in pixels of its pictures.
        on_key: called with pictures looked at and pictures in all.

    Returns:
        The masks.

    Raises:
        ImageError: the video cannot be read.
    """
    refiner, strengths = job.refiner, StrengthFitter(job, video, tracked)
    keys = [] if refiner is None else _keys(tracked)
    done, total = 0, len(keys) + strengths.count

    def tell(pictures: int = 1) -> None:
        nonlocal done
        done += pictures
        if on_key is not None:
            on_key(done, total)

    masks = [[Knot(0.0, job.key.mask.values)] for _ in tracked.tracks]
    directions: list[ProtectedDirections] = []
    if refiner is not None:
        masks = [[] for _ in tracked.tracks]
        for group in _groups(_crops(video, tracked, keys)):
            for key, knot, direction in _refined(job, refiner, video, tracked, group):
                masks[key.track].append(knot)
                directions.append(direction)
            tell(len(group))
    plans = [MaskPlan(placements_of(tracked, number), knots, (), job.key.mask) for number, knots in enumerate(masks)]
    return Fitting(strengths.fit(plans, on_picture=tell), directions)


def _refined(
    job: Job, refiner: Refiner, video: Video, tracked: Tracked, group: list[tuple[Key, FaceCrop]]
) -> Iterator[tuple[Key, Knot, ProtectedDirections]]:
    """The masks for some faces at a time, and where the faces lie with them."""
    known = {"mask": job.key.mask.digest, "video": video.sha256, "picture": group[0][0].number}
    refined = refiner.refine(
        [crop for _, crop in group],
        seed=int(settings_hash(known), 16) >> 1,
        # Pictures of one video need not be kept apart from one another: they come together.
        attempt=Attempt(dispersion=0.0),
    )
    for (key, _), result in zip(group, refined, strict=True):
        mask = job.key.mask.refined(result.refinement)
        # Half as exact is exact enough, and an hour has a thousand of them.
        yield key, Knot(float(tracked.times[key.number]), mask.values.astype(np.float16)), result.directions


def _keys(tracked: Tracked) -> list[Key]:
    return [
        Key(number, track)
        for track, face in enumerate(tracked.tracks)
        for run in face.runs()
        for number in spread(tracked, track, run, SECONDS_BETWEEN_MASKS)
    ]


def _crops(video: Video, tracked: Tracked, keys: list[Key]) -> Iterator[tuple[Key, FaceCrop]]:
    for key, photo in photos_of(video, tracked, keys):
        yield key, FaceCrop.of(photo, tracked.tracks[key.track].sightings[key.number].face)


def _groups(crops: Iterator[tuple[Key, FaceCrop]]) -> Iterator[list[tuple[Key, FaceCrop]]]:
    group: list[tuple[Key, FaceCrop]] = []
    for item in crops:
        group.append(item)
        if len(group) == _TOGETHER:
            yield group
            group = []
    if group:
        yield group
