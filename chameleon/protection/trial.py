"""Put refined masks on a photo, and see who would link the file to the user."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

import numpy as np

from guise.chameleon.faces.crop import FaceCrop
from guise.chameleon.faces.embedding import EmbeddedFace
from guise.chameleon.faces.linking import EnrolledFace, Enrolment, links
from guise.chameleon.learning.refine import Refined
from guise.chameleon.mask.mask import Placement
from guise.chameleon.protection.job import Job
from guise.chameleon.protection.photo import Protected, protect_photo
from guise.chameleon.protection.task import Task
from guise.models.errors import ImageError
from guise.models.files import LARGE, Photo, as_saved, finely

_LARGE_FACE = 160.0  # pixels between the eyes, from which on the colours of a mask bear half their resolution


@dataclass(frozen=True)
class Fitted:
    """How the mask goes on a photo.

    Attributes:
        placements: of the mask, in the order in which they are added.
        finely: whether the copy is compressed less than the original.
        refined: the refinements of the photo's faces; empty where the mask was not refined.
        linking: for each face the recognisers that link it in the file, and its distance as of `Link`; empty where
            nobody looked.
        again: how often the photo was fitted again.
        blocks: of a finer JPEG, whether what the mask does not touch stays as it is stored.
    """

    placements: tuple[Placement, ...]
    finely: bool
    refined: Sequence[Refined] = ()
    linking: Sequence[Mapping[str, float]] = ()
    again: int = 0
    blocks: bool = False

    @property
    def score(self) -> tuple[int, float]:
        """How many links there are, and how far on the wrong side of the thresholds; the less the better."""
        distances = [distance for links in self.linking for distance in links.values()]
        return len(distances), sum(1 - distance for distance in distances)

    def described(self, photo: Photo) -> Photo:
        """Describe a photo as its copy is to be written.

        Args:
            photo: the original, as read.

        Returns:
            The photo.
        """
        return finely(photo, blocks=self.blocks) if self.finely else photo


class Subject:
    """A photo that is being fitted.

    Attributes:
        task: the photo.
        faces: those to protect.
    """

    def __init__(self, job: Job, task: Task, faces: Sequence[EmbeddedFace], enrolment: Enrolment) -> None:
        """Take up a photo.

        Args:
            job: the mask, its budget and bounds, and the refiner.
            task: the photo.
            faces: those to protect.
            enrolment: knows whom they show. A recogniser counts where it links the original's face and the refiner
                works against it.
        """
        self.task, self.faces = task, faces
        self._job, self._enrolment = job, enrolment
        self._people: Sequence[Sequence[EnrolledFace]] | None = None
        eyes = [float(np.linalg.norm(face.face.landmarks[1] - face.face.landmarks[0])) for face in faces]
        self._large = min(eyes, default=0.0) >= _LARGE_FACE

    def crops(self) -> list[FaceCrop]:
        """Cut the faces out, for a copy that is compressed little.

        Returns:
            A crop of each.

        Raises:
            ImageError: the photo can no longer be read.
        """
        photo = self._finest(self.task.whole(self._job.folder))
        return [FaceCrop.of(photo, face.face) for face in self.faces]

    def put_on(self, refined: Sequence[Refined]) -> Fitted:
        """Put masks on: in a file like the original, and in a finer one if somebody links a face there.

        Args:
            refined: the refinements of the faces; none puts the user's own mask on all, whoever links it.

        Returns:
            The better of both.

        Raises:
            ImageError: hardly a mask fits the budget.
        """
        photo = self.task.whole(self._job.folder)
        try:
            best = self._tried(photo, refined, finer=False)
        except ImageError:
            # An original's compression may add more by itself than a mask may be seen.
            fine = finely(photo, blocks=self._keeps_blocks(photo))
            if photo.frames or fine is photo:
                raise
            return self._tried(fine, refined, finer=True)
        fine = self._finest(photo)
        if any(best.linking) and fine is not photo:
            with suppress(ImageError):
                best = min(best, self._tried(fine, refined, finer=True), key=_score)
        return best

    def try_again(self, refined: Sequence[Refined]) -> Fitted | None:
        """Put other refined masks on, in a file that is compressed little.

        Args:
            refined: the refinements of the faces.

        Returns:
            What came of it; None where hardly a mask fits the budget.

        Raises:
            ImageError: the photo can no longer be read.
        """
        photo = self.task.whole(self._job.folder)
        fine = self._finest(photo)
        try:
            return self._tried(fine, refined, finer=fine is not photo)
        except ImageError:
            return None

    def _finest(self, photo: Photo) -> Photo:
        """A photo, described so that its copy is compressed little, where that can be.

        Other frames are fitted like the original is written; to encode a large photo anew takes too much memory.
        """
        too_large = photo.pixels.size >= LARGE and photo.compressed is None
        return photo if photo.frames or too_large else finely(photo, blocks=self._keeps_blocks(photo))

    def _keeps_blocks(self, photo: Photo) -> bool:
        """Whether a finer JPEG keeps what the mask does not touch: small faces lose much by it; large photos must."""
        return self._large or photo.pixels.size >= LARGE

    def _tried(self, photo: Photo, refined: Sequence[Refined], *, finer: bool) -> Fitted:
        job = self._job
        protected = protect_photo(
            photo,
            [face.face for face in self.faces],
            job.key.mask,
            budget=job.budget,
            refinements=[face.refinement for face in refined] if refined else None,
            lpips=job.lpips,
        )
        linking = self._linking(photo, protected) if refined else ()
        return Fitted(protected.placements, finer, refined, linking, blocks=finer and self._keeps_blocks(photo))

    def _linking(self, photo: Photo, protected: Protected) -> list[dict[str, float]]:
        if self._people is None:
            assert self._job.refiner is not None
            names = self._job.refiner.names
            known = [self._enrolment.enrol(photo.pixels, face) for face in self.faces]
            self._people = [
                [one for one in each if one.recogniser.record.name in names and one.linked] for each in known
            ]
        saved = as_saved(photo, protected.pixels, photo.pixels)
        seen = [
            links(saved, face.face, people, self._enrolment.reader.detector)
            for face, people in zip(self.faces, self._people, strict=True)
        ]
        return [
            {name: link.distance for name, link in each.items() if link.linked and link.distance is not None}
            for each in seen
        ]


def _score(fitted: Fitted) -> tuple[int, float]:
    return fitted.score
