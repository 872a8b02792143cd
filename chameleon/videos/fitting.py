"""Fit masks to key pictures of a video, and find how strong they may be where they are seen."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from guise.chameleon.faces.crop import FaceCrop
from guise.chameleon.faces.detection import Face
from guise.chameleon.learning.attempt import Attempt
from guise.chameleon.learning.directions import ProtectedDirections
from guise.chameleon.mask.mask import Mask
from guise.chameleon.protection.job import Job
from guise.chameleon.protection.photo import protect_photo
from guise.chameleon.videos.motion import placements_of
from guise.chameleon.videos.plan import Knot, MaskPlan
from guise.chameleon.videos.track import Tracked
from guise.models.errors import ImageError
from guise.models.files import Photo, settings_hash
from guise.models.files.videos.pictures import as_photo, pictures_at
from guise.models.files.videos.video import Video

SECONDS_BETWEEN_MASKS = 3.0
"""Between two pictures to which the mask is fitted."""
_SECONDS_BETWEEN_AMPLITUDES = 1.0
_TOGETHER = 8  # faces that are refined at a time
_GREY = 2  # levels by which the channels of a black-and-white picture may differ

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


@dataclass(frozen=True)
class _Key:
    """A picture in which a face is looked at."""

    track: int
    number: int


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
    refiner = job.refiner
    masks = [[Knot(0.0, job.key.mask.values)] for _ in tracked.tracks]
    chosen = [] if refiner is None else _keys(tracked, SECONDS_BETWEEN_MASKS)
    strengths = _keys(tracked, _SECONDS_BETWEEN_AMPLITUDES, ends=True)
    done, total = 0, len(chosen) + len(strengths)
    tell = on_key or (lambda *_: None)
    directions: list[ProtectedDirections] = []
    if refiner is not None:
        masks = [[] for _ in tracked.tracks]
        for group in _groups(_crops(video, tracked, chosen)):
            seed = {"mask": job.key.mask.digest, "video": video.sha256, "picture": group[0][0].number}
            refined = refiner.refine(
                [crop for _, crop in group],
                seed=int(settings_hash(seed), 16) >> 1,
                # Pictures of one video need not be kept apart from one another: they come together.
                attempt=Attempt(dispersion=0.0),
            )
            for (key, _), result in zip(group, refined, strict=True):
                mask = job.key.mask.refined(result.refinement)
                # Half as exact is exact enough, and an hour has a thousand of them.
                masks[key.track].append(Knot(float(tracked.times[key.number]), mask.values.astype(np.float16)))
                directions.append(result.directions)
            done += len(group)
            tell(done, total)
    plans = [MaskPlan(placements_of(tracked, number), knots, (), job.key.mask) for number, knots in enumerate(masks)]
    amplitudes: list[list[Knot]] = [[] for _ in plans]
    colourful = False
    for key, photo in _photos(video, tracked, strengths):
        time = float(tracked.times[key.number])
        face = tracked.tracks[key.track].sightings[key.number].face
        placed = plans[key.track].placements[key.number]
        amplitude = _amplitude(job, photo, _registered(face, placed, job.key.mask), plans[key.track].at(time))
        amplitudes[key.track].append(Knot(time, np.array(amplitude)))
        colourful = colourful or int(np.ptp(photo.pixels, axis=2).max()) > _GREY
        done += 1
        tell(done, total)
    plans = [replace(p, amplitudes=knots, grey=not colourful) for p, knots in zip(plans, amplitudes, strict=True)]
    return Fitting(plans, directions)


def _registered(face: Face, to_canonical: np.ndarray, mask: Mask) -> Face:
    """The face, with landmarks that lead to this placement of the mask."""
    from guise.chameleon.faces import geometry

    return replace(face, landmarks=geometry.apply(geometry.inverse(to_canonical), mask.template))


def _amplitude(job: Job, photo: Photo, face: Face, mask: Mask) -> float:
    """How strong the mask may be on a picture; 0 where hardly any is allowed."""
    try:
        protected = protect_photo(photo, [face], mask, budget=job.budget, lpips=job.lpips)
    except ImageError:
        return 0.0
    return protected.placements[0].amplitude


def _keys(tracked: Tracked, seconds: float, *, ends: bool = False) -> list[_Key]:
    """Pictures of each run at most so many seconds apart, in the order of the video."""
    keys = []
    for track, face in enumerate(tracked.tracks):
        for run in face.runs():
            times = tracked.times[run]
            parts = max(1, int(np.ceil((times[-1] - times[0]) / seconds)))
            shares = np.linspace(0, 1, parts + 1) if ends else (np.arange(parts) + 0.5) / parts
            wanted = times[0] + shares * (times[-1] - times[0])
            found = np.flatnonzero([not face.sightings[number].carried for number in run])
            if not len(found):
                continue
            nearest = {run[found[np.abs(times[found] - time).argmin()]] for time in wanted}
            keys += [_Key(track, number) for number in nearest]
    return sorted(keys, key=lambda key: (key.number, key.track))


def _photos(video: Video, tracked: Tracked, keys: Sequence[_Key]) -> Iterator[tuple[_Key, Photo]]:
    times = [Fraction(float(tracked.times[number])) for number in sorted({key.number for key in keys})]
    pictures = pictures_at(video, times)
    photo, number = None, -1
    for key in keys:
        if photo is None or key.number != number:
            photo, number = as_photo(next(pictures)), key.number
        yield key, photo


def _crops(video: Video, tracked: Tracked, keys: Sequence[_Key]) -> Iterator[tuple[_Key, FaceCrop]]:
    for key, photo in _photos(video, tracked, keys):
        yield key, FaceCrop.of(photo, tracked.tracks[key.track].sightings[key.number].face)


def _groups(crops: Iterator[tuple[_Key, FaceCrop]]) -> Iterator[list[tuple[_Key, FaceCrop]]]:
    group: list[tuple[_Key, FaceCrop]] = []
    for item in crops:
        group.append(item)
        if len(group) == _TOGETHER:
            yield group
            group = []
    if group:
        yield group
