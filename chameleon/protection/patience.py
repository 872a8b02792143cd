"""Fit the mask to the photos of a group, and fit those again that a surrogate still links to the user.

Refining photos together keeps all cores at work, and each is kept apart from the others of its group. A photo that
stays linked is written with little compression, since strong compression adds noise to a mask, and so leaves less of
the budget. What is linked even so is fitted again, as often as the user has patience: a number of attempts and not a
time, so that runs that were stopped give the same files.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar

import numpy as np

from guise.chameleon.learning.attempt import Attempt
from guise.chameleon.learning.refine import Refined, Refiner
from guise.chameleon.mask.mask import REFINEMENT_STEP, Mask
from guise.chameleon.protection.job import Job
from guise.chameleon.protection.trial import Fitted, Subject
from guise.models.cores import all_cores
from guise.models.errors import ImageError
from guise.models.files import settings_hash
from guise.models.watching import Progress

PATIENCE = 1
"""How often a photo that is still linked is fitted again, unless the user says otherwise."""
MOST_PATIENCE = 10
"""The largest number that makes sense."""

_Result = TypeVar("_Result")
_TOGETHER = 8  # faces that are refined at once
_WEIGHT = 3.0  # of recognisers that still link; the others have 1
_NOISE = 8  # steps of a refinement: two grey levels, as the noise from which masks are learnt
_ANEW = 3  # the attempt that starts anew, as do those after it


def fit_group(job: Job, subjects: Sequence[Subject], *, progress: Progress | None = None) -> list[Fitted | ImageError]:
    """Fit the mask to the photos of a group.

    Of all that was tried on a photo that is kept which the fewest recognisers link; of two that as many link, the one
    nearer to their thresholds.

    Args:
        job: the mask, its budget and bounds, the refiner and `patience`.
        subjects: the photos.
        progress: called with steps done and steps in all, of each fit.

    Returns:
        For each photo how the mask goes on it, or why it does not; nothing is written.
    """
    if job.refiner is None:
        return _all([partial(subject.put_on, ()) for subject in subjects], subjects)
    group = _Group(job, job.refiner, subjects, progress)
    for attempt in range(1, job.patience + 1):
        linked = group.linked()
        if not linked:
            break
        group.again(linked, attempt)
    return group.fits


_At = tuple[int, int]  # a photo of the group, and one of its faces


class _Group:
    """Photos that are fitted together.

    Attributes:
        fits: what came of each so far.
    """

    def __init__(self, job: Job, refiner: Refiner, subjects: Sequence[Subject], progress: Progress | None) -> None:
        self._job, self._refiner, self._subjects, self._progress = job, refiner, subjects, progress
        # Crops are cut one photo at a time: the photos themselves may be large, and need not be kept.
        cut = [_or_error(subject.crops) for subject in subjects]
        self._crops = {
            (number, index): crop
            for number, crops in enumerate(cut)
            if not isinstance(crops, ImageError)
            for index, crop in enumerate(crops)
        }
        refined = self._refined(list(self._crops), 0, lambda _: Attempt())
        self.fits = _all(
            [
                partial(_raise, crops)
                if isinstance(crops, ImageError)
                else partial(subject.put_on, [refined[number, index] for index in range(len(crops))])
                for number, (subject, crops) in enumerate(zip(subjects, cut, strict=True))
            ],
            subjects,
        )

    def linked(self) -> list[_At]:
        """Faces that somebody still links."""
        return [
            (number, index)
            for number, fitted in enumerate(self.fits)
            if isinstance(fitted, Fitted)
            for index, links in enumerate(fitted.linking)
            if links
        ]

    def again(self, faces: Sequence[_At], attempt: int) -> None:
        """Refine some faces once more, the others staying as they are; what comes out worse is dropped."""
        refined = self._refined(faces, attempt, lambda together: self._attempt(together, attempt))
        photos = sorted({number for number, _ in faces})
        tries = []
        for number in photos:
            before = self._fitted(number).refined
            masks = [refined.get((number, index), own) for index, own in enumerate(before)]
            tries.append(partial(self._subjects[number].try_again, masks))
        for number, tried in zip(photos, _all(tries, [self._subjects[number] for number in photos]), strict=True):
            best = self._fitted(number)
            if isinstance(tried, Fitted) and tried.score < best.score:
                best = replace(tried, again=best.again)
            self.fits[number] = replace(best, again=best.again + 1)

    def _fitted(self, number: int) -> Fitted:
        fitted = self.fits[number]
        assert isinstance(fitted, Fitted)
        return fitted

    def _refined(
        self, faces: Sequence[_At], attempt: int, how: Callable[[Sequence[_At]], Attempt]
    ) -> dict[_At, Refined]:
        """Refine some faces, as many at a time as memory allows."""
        mask = self._job.key.mask
        result: dict[_At, Refined] = {}
        for start in range(0, len(faces), _TOGETHER):
            together = faces[start : start + _TOGETHER]
            number, index = together[0]
            known = {"mask": mask.digest, "photo": self._subjects[number].task.photo.sha256, "start": start}
            known |= {"face": index, "attempt": attempt} if attempt else {}
            refined = self._refiner.refine(
                [self._crops[face] for face in together],
                seed=int(settings_hash(known), 16) >> 1,
                attempt=how(together),
                progress=self._progress and partial(self._progress, "fitting again" if attempt else "fitting"),
            )
            result.update(zip(together, refined, strict=True))
        return result

    def _attempt(self, faces: Sequence[_At], number: int) -> Attempt:
        """More steps, and from the third attempt on another start; nothing is spent on keeping photos apart."""
        anew = number >= _ANEW
        mask = self._job.key.mask
        known = [(self._fitted(photo), index, self._subjects[photo].task.photo.sha256) for photo, index in faces]
        return Attempt(
            starts=[
                _another_start(mask, f"{mask.digest} {sha256} {index} {number}")
                if anew
                else fitted.refined[index].refinement
                for fitted, index, sha256 in known
            ],
            weights=[dict.fromkeys(fitted.linking[index], _WEIGHT) for fitted, index, _ in known],
            dispersion=0.0,
        )


def _all(do: Sequence[Callable[[], _Result]], subjects: Sequence[Subject]) -> list[_Result | ImageError]:
    """Do something to each photo, side by side; to large ones in turn, for the sake of memory."""
    with all_cores() as run:
        done = iter(
            run([partial(_or_error, one) for one, subject in zip(do, subjects, strict=True) if subject.task.held])
        )
    return [next(done) if subject.task.held else _or_error(one) for one, subject in zip(do, subjects, strict=True)]


def _or_error(do: Callable[[], _Result]) -> _Result | ImageError:
    try:
        return do()
    except ImageError as error:
        return error


def _raise(error: ImageError) -> Fitted:
    raise error


def _another_start(mask: Mask, of: str) -> np.ndarray:
    """The refinement that leaves weak noise of a user's mask: int8 (3, S, S)."""
    seed = int(settings_hash({"noise": of}), 16)
    noise = np.random.default_rng(seed).integers(-_NOISE, _NOISE, mask.values.shape, endpoint=True)
    return (noise - np.rint(mask.values / REFINEMENT_STEP)).astype(np.int8)
