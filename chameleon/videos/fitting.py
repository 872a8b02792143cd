"""Fit masks to key pictures of a video, and find how strong they may be where they are seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from guise.chameleon.faces.linking import Enrolment
from guise.chameleon.learning.directions import ProtectedDirections
from guise.chameleon.protection.job import Job
from guise.chameleon.videos.keys import Key, photos_of, spread
from guise.chameleon.videos.motion import placements_of
from guise.chameleon.videos.plan import Knot, MaskPlan, held
from guise.chameleon.videos.refining import KeyFitter, KeyPicture
from guise.chameleon.videos.strength import StrengthFitter
from guise.chameleon.videos.track import Tracked
from guise.models.files.videos.video import Video

SECONDS_BETWEEN_MASKS = 3.0
"""Between two pictures to which the mask is fitted."""
_TOGETHER = 8  # faces that are refined at a time
_PIXELS = 40_000_000  # of all pictures that are held for it

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


def fit_masks(
    job: Job, video: Video, tracked: Tracked, enrolment: Enrolment, *, on_key: OnKey | None = None
) -> Fitting:
    """Fit masks to the faces of a video.

    Args:
        job: the mask, its budget, the refiner and `patience`.
        video: the original.
        tracked: its faces, in pixels of its pictures.
        enrolment: the recognisers, and what they know of the user.
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
        fitter = KeyFitter(job, refiner, enrolment, video.sha256)
        for group in _groups(video, tracked, keys):
            for picture, refined in zip(group, fitter.fit(group), strict=True):
                mask = job.key.mask.refined(refined.refinement)
                # Half as exact is exact enough, and an hour has a thousand of them.
                knot = Knot(float(tracked.times[picture.key.number]), mask.values.astype(np.float16))
                masks[picture.key.track].append(knot)
                directions.append(refined.directions)
            tell(len(group))
        masks = [
            held(knots, [(float(tracked.times[run[0]]), float(tracked.times[run[-1]])) for run in track.runs()])
            for knots, track in zip(masks, tracked.tracks, strict=True)
        ]
    plans = [MaskPlan(placements_of(tracked, number), knots, (), job.key.mask) for number, knots in enumerate(masks)]
    return Fitting(strengths.fit(plans, on_picture=tell), directions)


def _keys(tracked: Tracked) -> list[Key]:
    return [
        Key(number, track)
        for track, face in enumerate(tracked.tracks)
        for run in face.runs()
        for number in spread(tracked, track, run, SECONDS_BETWEEN_MASKS)
    ]


def _groups(video: Video, tracked: Tracked, keys: list[Key]) -> Iterator[list[KeyPicture]]:
    """Pictures to fit together, as many as memory holds."""
    most = max(1, min(_TOGETHER, _PIXELS // (video.size[0] * video.size[1])))
    group: list[KeyPicture] = []
    for key, photo in photos_of(video, tracked, keys):
        group.append(KeyPicture(key, photo, tracked.tracks[key.track].sightings[key.number].face))
        if len(group) == most:
            yield group
            group = []
    if group:
        yield group
