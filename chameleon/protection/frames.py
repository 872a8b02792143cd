"""Files of several pictures: frames of an animation, pages. The mask is fitted on one and carried to the others.

The picture with the user's largest face is the key frame. The mask is fitted to it like to any photo. The same mask
then goes on each other picture, registered by that picture's own landmarks and within the budget there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from guise.chameleon.faces.detection import best_overlap
from guise.chameleon.faces.embedding import EmbeddedFace, FaceReader
from guise.chameleon.faces.linking import Enrolment
from guise.chameleon.faces.selection import FaceSelector
from guise.chameleon.faces.survey import faces_in
from guise.chameleon.learning.refine import Refined
from guise.chameleon.protection.job import Job
from guise.chameleon.protection.measure import FaceMeasurement, measure_saved
from guise.chameleon.protection.photo import Protected, protect_photo
from guise.models.counting import by_number
from guise.models.files import Photo, as_saved

_REACH = 5  # frames over which a face that the detector loses is carried
_SAME_SCENE = 12.0  # grey levels by which the place of a face may change meanwhile, on average


@dataclass(frozen=True)
class FrameFaces:
    """The faces of a file's pictures.

    Attributes:
        photo: the file, keyed to its key frame.
        faces: all of the key frame's, from the largest to the smallest.
        selected: those to protect in each picture.
    """

    photo: Photo
    faces: list[EmbeddedFace]
    selected: Sequence[Sequence[EmbeddedFace]]

    @property
    def note(self) -> str:
        """How many pictures get the mask."""
        return masked_pictures(sum(bool(faces) for faces in self.selected), len(self.selected))


def masked_pictures(masked: int, pictures: int) -> str:
    """Say how many pictures of a file or a video got the mask.

    Args:
        masked: these.
        pictures: all of them.

    Returns:
        A note.
    """
    if masked == pictures == 1:
        return "its one picture shows the user and got the mask"
    return f"{masked} of its {pictures} pictures {by_number(masked, 'shows', 'show')} the user and got the mask"


def look_at_frames(photo: Photo, name: str, reader: FaceReader, selector: FaceSelector) -> FrameFaces:
    """Find the faces of all pictures of a file.

    Args:
        photo: a file of several pictures, as read.
        name: of the photo.
        reader: detects and embeds faces.
        selector: selects the user's.

    Returns:
        The faces.
    """
    everyone: list[list[EmbeddedFace]] = []
    for number, frame in enumerate(photo.frames):
        before = photo.frames[number - 1].pixels if number else None
        same = before is not None and np.array_equal(before, frame.pixels)
        everyone.append(everyone[-1] if same else faces_in(frame.pixels, name, reader))
    selected = [selector.select(faces) for faces in everyone]
    if selector.one_person and photo.frames[0].duration is not None:
        selected = _carried(photo, everyone, selected)
    areas = [max((face.face.area for face in faces), default=0.0) for faces in selected]
    key = int(np.argmax(areas))
    return FrameFaces(photo.keyed(key), everyone[key] if any(areas) else everyone[0], selected)


def _carried(
    photo: Photo, everyone: Sequence[list[EmbeddedFace]], selected: Sequence[list[EmbeddedFace]]
) -> list[list[EmbeddedFace]]:
    """The user's face also where a frame blurs it: where it was in a frame nearby, as long as the scene is the same."""
    result = []
    for number, faces in enumerate(selected):
        near = sorted(
            range(max(0, number - _REACH), min(len(selected), number + _REACH + 1)), key=lambda at: abs(at - number)
        )
        known = next((at for at in near if selected[at]), None)
        if not faces and known is not None:
            face = selected[known][0]
            again = best_overlap([other.face for other in everyone[number]], face.face)
            if again is not None or _alike(photo, known, number, face):
                faces = [face if again is None else replace(face, face=again)]
        result.append(faces)
    return result


def _alike(photo: Photo, a: int, b: int, face: EmbeddedFace) -> bool:
    one, other = photo.frames[a].pixels, photo.frames[b].pixels
    if one.shape != other.shape:
        return False
    rows, columns = face.face.box_in(*one.shape[:2])
    return bool(np.abs(one[rows, columns].astype(int) - other[rows, columns]).mean() < _SAME_SCENE)


def carry(job: Job, frames: FrameFaces, key: Protected, refined: Sequence[Refined]) -> list[Protected]:
    """Put the mask of the key frame on all pictures that show the user.

    Args:
        job: the mask and its bounds.
        frames: the faces of the pictures.
        key: the key frame with the mask on.
        refined: the refinements of its faces; empty where the mask was not refined.

    Returns:
        Each picture, with the mask on where it shows the user.

    Raises:
        ImageError: hardly a mask fits the budget on one of them.
    """
    photo = frames.photo
    keys = frames.selected[photo.key]
    result = []
    for number, faces in enumerate(frames.selected):
        single = photo.at(number)
        if number == photo.key:
            result.append(key)
        elif not faces:
            result.append(Protected(single.pixels, ()))
        else:
            refinements = [refined[_same(face, keys)].refinement for face in faces] if refined else None
            result.append(
                protect_photo(
                    single,
                    [face.face for face in faces],
                    job.key.mask,
                    budget=job.budget,
                    refinements=refinements,
                    lpips=job.lpips,
                )
            )
    return result


def _same(face: EmbeddedFace, faces: Sequence[EmbeddedFace]) -> int:
    return int(np.argmin([np.linalg.norm(face.embedding - other.embedding) for other in faces]))


def as_read(photo: Photo, protected: Sequence[Protected], saved: Photo) -> list[np.ndarray]:
    """The pictures of a written file, one for each of the original's.

    Args:
        photo: the original.
        protected: what was written.
        saved: the file, re-opened. An encoder may have joined frames that are equal.

    Returns:
        uint8 (H, W, 3) each.
    """
    if len(saved.frames) == len(protected):
        return [frame.pixels for frame in saved.frames]
    return [as_saved(photo.at(number), picture.pixels) for number, picture in enumerate(protected)]


def measure_frames(frames: FrameFaces, shown: Sequence[np.ndarray], enrolment: Enrolment) -> list[FaceMeasurement]:
    """Measure the written pictures.

    Args:
        frames: the faces of the originals.
        shown: uint8 (H, W, 3) each, the written pictures.
        enrolment: the recognisers to measure by.

    Returns:
        Measurements of the faces of that picture which is linked by most recognisers, and of such the most similar one.
    """
    each = [
        measure_saved(frames.photo.at(number), pixels, faces, enrolment)
        for number, (faces, pixels) in enumerate(zip(frames.selected, shown, strict=True))
        if faces
    ]
    return max(each, key=_exposed)


def _exposed(measured: Sequence[FaceMeasurement]) -> tuple[int, float]:
    similar = [face.similarity_after for face in measured if face.similarity_after is not None]
    return sum(len(face.linked_by) for face in measured), max(similar, default=-1.0)
