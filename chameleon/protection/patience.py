"""Fit a photo again that a surrogate still links to the user: more steps, another start, the whole budget.

The refinement of a whole group at once serves most photos. A photo that it leaves linked is written with little
compression instead, since strong compression adds noise to a mask, and so leaves less of the budget. If that does not
do, it is fitted by itself, as often as the user has patience: a number of attempts and not a time, so that runs that
were stopped give the same files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from guise.chameleon.faces.crop import FaceCrop
from guise.chameleon.faces.embedding import EmbeddedFace
from guise.chameleon.faces.linking import Enrolment, links
from guise.chameleon.learning.attempt import Attempt
from guise.chameleon.learning.directions import ProtectedDirections
from guise.chameleon.learning.refine import Refined, Refiner
from guise.chameleon.mask.mask import REFINEMENT_STEP, Mask
from guise.chameleon.protection.job import Job
from guise.chameleon.protection.photo import Protected, protect_photo
from guise.models.errors import ImageError
from guise.models.files import LARGE, Photo, as_saved, finely, settings_hash
from guise.models.watching import Progress

PATIENCE = 3
"""How often a photo that is still linked is fitted again, unless the user says otherwise."""
MOST_PATIENCE = 10
"""The largest number that makes sense."""

_Result = TypeVar("_Result")
_WEIGHT = 3.0  # of recognisers that still link; the others have 1
_NOISE = 8  # steps of a refinement: two grey levels, as the noise from which masks are learnt
_ANEW = 2  # the attempt that starts anew, as do those after the third
_ALL_ON_THE_USER = 3  # from this attempt on nothing is spent on keeping photos apart


@dataclass(frozen=True)
class Fitted:
    """A photo with the mask on, fitted as often as it took.

    Attributes:
        protected: the photo with the mask on.
        photo: the original, described as its copy is to be written.
        refined: the refinements of its faces; empty where the mask was not refined.
        again: how often a face was fitted again.
    """

    protected: Protected
    photo: Photo
    refined: Sequence[Refined]
    again: int = 0


def fit_photo(
    job: Job,
    photo: Photo,
    faces: Sequence[EmbeddedFace],
    enrolment: Enrolment,
    *,
    refined: Sequence[Refined] | None,
    others: Sequence[ProtectedDirections] = (),
    progress: Progress | None = None,
) -> Fitted:
    """Put the mask on faces of a photo, and fit those again that a recogniser of the refiner's still links.

    Of all attempts the one that the fewest recognisers link is kept; of two that as many link, the one nearer to their
    thresholds. A recogniser counts where it links the original's face, unless the mask is not fitted against it.

    Args:
        job: the mask, its budget and bounds, the refiner and `patience`.
        photo: the original, as read.
        faces: those to protect.
        enrolment: knows whom they show.
        refined: first refinements of the faces; None puts the user's own mask on all.
        others: directions of faces of other photos to keep apart from, besides those that the refiner remembers.
        progress: called with attempts made and attempts in all, for each face that is fitted again.

    Returns:
        The photo with the mask on; nothing is written.

    Raises:
        ImageError: hardly a mask fits the budget.
    """
    if refined is None or job.refiner is None:
        protected, photo = _coarsely_or_finely(photo, lambda how: _put_on(job, how, faces, refined))
        return Fitted(protected, photo, refined or ())
    subject, again = _Subject(job, job.refiner, photo, faces, enrolment), 0
    best = subject.first(refined)
    for index in range(len(faces)):
        before = again
        while best.linking[index] and again - before < job.patience:
            if progress is not None:
                progress("fitting again", again - before, job.patience)
            again += 1
            tried = subject.attempt(best, index, again - before, others)
            if tried is not None and tried.score < best.score:
                best = tried
        if progress is not None and again > before:
            progress("fitting again", job.patience, job.patience)
    return Fitted(best.protected, best.photo, best.refined, again)


def finest(photo: Photo) -> Photo:
    """Tell how a copy may be written that holds as strong a mask as can be.

    Args:
        photo: the original, as read.

    Returns:
        The photo, described so that its copy is compressed little; as it is where there are other frames, which are
        fitted like the original is written, and where it is so large that to encode it anew takes too much memory.
    """
    return photo if photo.frames or photo.pixels.size >= LARGE else finely(photo)


def _coarsely_or_finely(photo: Photo, do: Callable[[Photo], _Result]) -> tuple[_Result, Photo]:
    """Compress a copy little where its original's compression adds more by itself than a mask may be seen."""
    try:
        return do(photo), photo
    except ImageError:
        fine = finely(photo)
        if photo.frames or fine is photo:
            raise
        return do(fine), fine


def _put_on(job: Job, photo: Photo, faces: Sequence[EmbeddedFace], refined: Sequence[Refined] | None) -> Protected:
    return protect_photo(
        photo,
        [face.face for face in faces],
        job.key.mask,
        budget=job.budget,
        refinements=None if refined is None else [face.refinement for face in refined],
        lpips=job.lpips,
    )


@dataclass(frozen=True)
class _Trial:
    """Refinements of a photo's faces, and what came of them.

    Attributes:
        photo: the original, described as its copy is to be written.
        refined: of each face.
        protected: the photo with the mask on.
        linking: for each face the recognisers that link it in the file, and its distance as of `Link`.
    """

    photo: Photo
    refined: Sequence[Refined]
    protected: Protected
    linking: Sequence[Mapping[str, float]]

    @property
    def score(self) -> tuple[int, float]:
        """How many links there are, and how far on the wrong side of the thresholds; the less the better."""
        distances = [distance for links in self.linking for distance in links.values()]
        return len(distances), sum(1 - distance for distance in distances)


class _Subject:
    """A photo that is fitted again."""

    def __init__(
        self, job: Job, refiner: Refiner, photo: Photo, faces: Sequence[EmbeddedFace], enrolment: Enrolment
    ) -> None:
        self._job, self._refiner, self._photo, self._faces = job, refiner, photo, faces
        self._finely = finest(photo)
        self._detector = enrolment.reader.detector
        self._people = [
            [
                known
                for known in enrolment.enrol(photo.pixels, face)
                if known.recogniser.record.name in refiner.names and known.linked
            ]
            for face in faces
        ]

    def first(self, refined: Sequence[Refined]) -> _Trial:
        """Put refined masks on: in a file like the original, and in a finer one if a face is linked there."""
        best, _ = _coarsely_or_finely(self._photo, lambda how: self.trial(how, refined))
        if any(best.linking) and best.photo is self._photo is not self._finely:
            with suppress(ImageError):
                best = min(best, self.trial(self._finely, refined), key=lambda trial: trial.score)
        return best

    def trial(self, photo: Photo, refined: Sequence[Refined]) -> _Trial:
        """Put refined masks on, and see who links the faces in the file, written as `photo` says."""
        protected = _put_on(self._job, photo, self._faces, refined)
        saved = as_saved(photo, protected.pixels, photo.pixels)
        linking = []
        for face, people in zip(self._faces, self._people, strict=True):
            seen = links(saved, face.face, people, self._detector)
            linking.append(
                {name: link.distance for name, link in seen.items() if link.linked and link.distance is not None}
            )
        return _Trial(photo, refined, protected, linking)

    def attempt(self, best: _Trial, index: int, number: int, others: Sequence[ProtectedDirections]) -> _Trial | None:
        """Refine one face once more, the others staying as they are; None where hardly a mask fits the budget."""
        photo, mask = self._finely, self._job.key.mask
        known = {"mask": mask.digest, "photo": photo.sha256, "face": index, "attempt": number}
        seed = int(settings_hash(known), 16) >> 1
        anew = number == _ANEW or number > _ALL_ON_THE_USER
        attempt = Attempt(
            start=_another_start(mask, seed) if anew else best.refined[index].refinement,
            weights=dict.fromkeys(best.linking[index], _WEIGHT),
            others=[*others, *(face.directions for at, face in enumerate(best.refined) if at != index)],
            dispersion=None if number < _ALL_ON_THE_USER else 0.0,
        )
        crop = FaceCrop.of(photo, self._faces[index].face)
        (again,) = self._refiner.refine([crop], seed=seed, attempt=attempt)
        try:
            return self.trial(photo, [again if at == index else face for at, face in enumerate(best.refined)])
        except ImageError:
            return None


def _another_start(mask: Mask, seed: int) -> np.ndarray:
    """The refinement that leaves weak noise of a user's mask: int8 (3, S, S)."""
    noise = np.random.default_rng(seed).integers(-_NOISE, _NOISE, mask.values.shape, endpoint=True)
    return (noise - np.rint(mask.values / REFINEMENT_STEP)).astype(np.int8)
