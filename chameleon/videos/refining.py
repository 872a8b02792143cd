"""Fit the mask to some pictures of a video at a time, and again to those that somebody links or nearly links."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf

from guise.chameleon.faces.crop import FaceCrop
from guise.chameleon.faces.detection import Face
from guise.chameleon.faces.embedding import EmbeddedFace
from guise.chameleon.faces.linking import EnrolledFace, Enrolment, links
from guise.chameleon.learning.attempt import Attempt
from guise.chameleon.learning.refine import Refined, Refiner
from guise.chameleon.protection.job import Job
from guise.chameleon.protection.photo import protect_photo
from guise.chameleon.videos.keys import Key
from guise.models.errors import ImageError
from guise.models.files import Photo, settings_hash

_NEARLY = 1.15  # times the threshold: compression and the pictures in between bring a face nearer than that
_WEIGHT = 3.0  # of recognisers that link a picture or nearly do; the others have 1


@dataclass(frozen=True)
class KeyPicture:
    """A picture that the mask is fitted to.

    Attributes:
        key: the picture, and whose track the face is.
        photo: the picture.
        face: in it.
    """

    key: Key
    photo: Photo
    face: Face


class KeyFitter:
    """Fits the mask to pictures of one video."""

    def __init__(self, job: Job, refiner: Refiner, enrolment: Enrolment, video_sha256: str) -> None:
        """Prepare to fit.

        Args:
            job: the mask, its budget and bounds, and how often to fit again.
            refiner: of the mask.
            enrolment: knows whom the pictures show.
            video_sha256: of the video; it decides on what is random.
        """
        self._job, self._refiner, self._enrolment = job, refiner, enrolment
        self._known = {"mask": job.key.mask.digest, "video": video_sha256}

    def fit(self, pictures: Sequence[KeyPicture]) -> list[Refined]:
        """Fit the mask to some pictures together, and again to those that a surrogate links or nearly links.

        Args:
            pictures: as many as memory holds.

        Returns:
            The refinement for each: of all that were tried the one that is linked least.
        """
        crops = [FaceCrop.of(picture.photo, picture.face) for picture in pictures]
        # Pictures of one video need not be kept apart from one another: they come together.
        best = self._refined(pictures, crops, Attempt(dispersion=0.0), 0)
        if not self._job.patience:
            return best
        people = [self._people(picture) for picture in pictures]
        near: list[Mapping[str, float] | None] = [self._near(*one) for one in zip(pictures, people, best, strict=True)]
        for attempt in range(1, self._job.patience + 1):
            again = [index for index, names in enumerate(near) if names is None or names]
            if not again:
                break
            refined = self._refined(
                [pictures[index] for index in again],
                [crops[index] for index in again],
                Attempt(
                    starts=[best[index].refinement for index in again],
                    weights=[dict.fromkeys(near[index] or {}, _WEIGHT) for index in again],
                    dispersion=0.0,
                ),
                attempt,
            )
            for index, one in zip(again, refined, strict=True):
                seen = self._near(pictures[index], people[index], one)
                if _score(seen) < _score(near[index]):
                    best[index], near[index] = one, seen
        return best

    def _refined(
        self, pictures: Sequence[KeyPicture], crops: Sequence[FaceCrop], how: Attempt, number: int
    ) -> list[Refined]:
        known = {**self._known, "picture": pictures[0].key.number}
        known |= {"attempt": number} if number else {}
        return self._refiner.refine(crops, seed=int(settings_hash(known), 16) >> 1, attempt=how)

    def _people(self, picture: KeyPicture) -> list[EnrolledFace]:
        """Those who link the picture and whom the mask is fitted against."""
        (row,) = self._enrolment.reader.embed([(picture.photo.pixels, picture.face)])
        enrolled = self._enrolment.enrol(picture.photo.pixels, EmbeddedFace("", picture.face, row))
        names = self._refiner.names
        return [known for known in enrolled if known.recogniser.record.name in names and known.linked]

    def _near(
        self, picture: KeyPicture, people: Sequence[EnrolledFace], refined: Refined
    ) -> Mapping[str, float] | None:
        """Who links or nearly links a picture with its mask, and how far they are; None where no mask fits."""
        job = self._job
        try:
            protected = protect_photo(
                picture.photo,
                [picture.face],
                job.key.mask,
                budget=job.budget,
                refinements=[refined.refinement],
                lpips=job.lpips,
            )
        except ImageError:
            return None
        each = links(protected.pixels, picture.face, people, self._enrolment.reader.detector)
        return {
            name: link.distance for name, link in each.items() if link.distance is not None and link.distance < _NEARLY
        }


def _score(near: Mapping[str, float] | None) -> tuple[float, float]:
    """How many link a picture, and how near all are that nearly do; the less the better."""
    if near is None:
        return inf, inf
    return sum(distance < 1 for distance in near.values()), sum(_NEARLY - distance for distance in near.values())
