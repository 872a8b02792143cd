"""How strong the masks of a video may be, so that its pictures stay within the bounds of visibility.

It is found every second. Where a picture in the middle between two of these would be too visible, it is found there
too, and so on, a few times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from guise.chameleon.faces import geometry
from guise.chameleon.faces.detection import Face
from guise.chameleon.mask.mask import Mask
from guise.chameleon.protection.job import Job
from guise.chameleon.protection.photo import protect_photo, spent_on
from guise.chameleon.videos.keys import Key, found, nearest, photos_of, spread
from guise.chameleon.videos.plan import Knot, MaskPlan, between
from guise.chameleon.videos.track import Tracked
from guise.models.errors import ImageError
from guise.models.files import Photo
from guise.models.files.videos.video import Video

_SECONDS_BETWEEN = 1.0
_HALVINGS = 4
_TOO_VISIBLE = 1.02  # share of a bound that a picture in between may spend
_GREY = 2  # levels by which the channels of a black-and-white picture may differ

_Gap = tuple[int, int, int]
"""A face, and two pictures that follow one another among those whose strength is known."""


class StrengthFitter:
    """Fits the strengths of all masks of a video."""

    def __init__(self, job: Job, video: Video, tracked: Tracked) -> None:
        """Prepare to fit.

        Args:
            job: the budget.
            video: the original.
            tracked: its faces, in pixels of its pictures.
        """
        self._job, self._video, self._tracked = job, video, tracked
        self._plans: Sequence[MaskPlan] = ()
        self._knots: list[dict[int, float]] = [{} for _ in tracked.tracks]
        self._colourful = False
        self._runs = [
            (track, spread(tracked, track, run, _SECONDS_BETWEEN, ends=True))
            for track, face in enumerate(tracked.tracks)
            for run in face.runs()
        ]

    @property
    def count(self) -> int:
        """Pictures that are looked at before it is asked what lies between them."""
        return sum(len(numbers) for _, numbers in self._runs)

    def fit(self, plans: Sequence[MaskPlan], *, on_picture: Callable[[], None]) -> list[MaskPlan]:
        """Fit.

        Args:
            plans: masks of the faces, whose amplitudes are not known yet.
            on_picture: called after each of `count` pictures.

        Returns:
            The plans with their amplitudes, 0 where hardly any mask is allowed.

        Raises:
            ImageError: the video cannot be read.
        """
        self._plans = plans
        for key, photo in self._photos(Key(number, track) for track, numbers in self._runs for number in numbers):
            self._knots[key.track][key.number] = self._amplitude(key, photo)
            self._colourful = self._colourful or int(np.ptp(photo.pixels, axis=2).max()) > _GREY
            on_picture()
        gaps = [(track, *pair) for track, numbers in self._runs for pair in pairwise(numbers)]
        for _ in range(_HALVINGS):
            gaps = self._halved(gaps)
        return [
            replace(plan, amplitudes=self._amplitudes(track), grey=not self._colourful)
            for track, plan in enumerate(plans)
        ]

    def _halved(self, gaps: Iterable[_Gap]) -> list[_Gap]:
        """Look in the middle of gaps between two pictures; the halves of those where the mask is too visible there."""
        middles: dict[Key, tuple[int, int]] = {}
        for track, first, last in gaps:
            inside = found(self._tracked, track, range(first + 1, last))
            if inside:
                middle = float(self._tracked.times[first] + self._tracked.times[last]) / 2
                middles[Key(nearest(self._tracked, inside, middle), track)] = first, last
        halves = []
        for key, photo in self._photos(middles):
            first, last = middles[key]
            placed, mask = self._placed(key)
            as_it_is = float(between(self._amplitudes(key.track), self._time(key.number)))
            weakened = replace(mask, values=(as_it_is * mask.values).astype(np.float32))
            if spent_on(photo, placed, weakened, budget=self._job.budget, lpips=self._job.lpips) > _TOO_VISIBLE:
                self._knots[key.track][key.number] = self._amplitude(key, photo)
                halves += [(key.track, first, key.number), (key.track, key.number, last)]
        return halves

    def _photos(self, keys: Iterable[Key]) -> Iterable[tuple[Key, Photo]]:
        return photos_of(self._video, self._tracked, keys)

    def _time(self, number: int) -> float:
        return float(self._tracked.times[number])

    def _amplitudes(self, track: int) -> list[Knot]:
        known = sorted(self._knots[track].items())
        return [Knot(self._time(number), np.array(amplitude)) for number, amplitude in known]

    def _placed(self, key: Key) -> tuple[Face, Mask]:
        """The face, with landmarks that lead to the place of the mask, and the mask for that moment."""
        plan, face = self._plans[key.track], self._tracked.tracks[key.track].sightings[key.number].face
        to_photo = geometry.inverse(plan.placements[key.number])
        placed = replace(face, landmarks=geometry.apply(to_photo, plan.base.template))
        return placed, plan.at(self._time(key.number))

    def _amplitude(self, key: Key, photo: Photo) -> float:
        """How strong the mask may be on a picture; 0 where hardly any is allowed."""
        face, mask = self._placed(key)
        try:
            protected = protect_photo(photo, [face], mask, budget=self._job.budget, lpips=self._job.lpips)
        except ImageError:
            return 0.0
        return protected.placements[0].amplitude
