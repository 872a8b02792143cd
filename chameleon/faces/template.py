"""Whose face is it? Pick the user's faces out of a folder's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from guise.chameleon.faces.detection import Face
from guise.models.errors import FaceError

_AMBIGUOUS = 0.8  # a second person seen this often, relative to the first, makes "the one who recurs" a guess


@dataclass(frozen=True)
class Sighting:
    """A face in a photo.

    Attributes:
        photo: the photo's name.
        face: where it is.
        embedding: float32 (D,), by the recogniser that tells people apart.
    """

    photo: str
    face: Face
    embedding: np.ndarray


@dataclass(frozen=True)
class Owner:
    """The user, as far as telling their face from others' goes.

    Attributes:
        centroid: float32 (D,), mean embedding of their faces.
        threshold: Euclidean distance from `centroid` below which a face is theirs.
        other_photos: in how many photos the next most frequent person appears, 0 if nobody recurs beside the user.
    """

    centroid: np.ndarray
    threshold: float
    other_photos: int = 0

    def owns(self, embedding: np.ndarray) -> bool:
        """Whether a face with that embedding, float32 (D,), is the user's."""
        return bool(np.linalg.norm(embedding - self.centroid) < self.threshold)

    def among(self, sightings: Sequence[Sighting]) -> list[Sighting]:
        """The user's face among those of one photo: the nearest, since nobody is there twice; or none."""
        theirs = [sighting for sighting in sightings if self.owns(sighting.embedding)]
        return sorted(theirs, key=lambda sighting: float(np.linalg.norm(sighting.embedding - self.centroid)))[:1]


def recurring(sightings: Sequence[Sighting], *, threshold: float) -> Owner:
    """The person who appears in most photos.

    Args:
        sightings: all faces of all photos.
        threshold: Euclidean distance below which two embeddings are one person's.

    Raises:
        FaceError: there is no face, or another person appears about as often.
    """
    if not sightings:
        raise FaceError("no face was found in any photo: name other photos, larger or better lit ones")
    first, count, example = _most_frequent(sightings, threshold)
    owner = Owner(first, threshold)
    rest = [sighting for sighting in sightings if not owner.owns(sighting.embedding)]
    if not rest:
        return owner
    _, second_count, second_example = _most_frequent(rest, threshold)
    if second_count >= _AMBIGUOUS * count:
        raise FaceError(
            f"two people appear about equally often ({count} photos, such as {example!r}, and {second_count}, such as "
            f"{second_example!r}): say who is meant with --user-face PHOTO, or use --user-face largest"
        )
    return Owner(first, threshold, second_count if second_count > 1 else 0)


def from_reference(sightings: Sequence[Sighting], *, threshold: float) -> Owner:
    """The person on a reference photo, whose faces are `sightings`.

    Raises:
        FaceError: not exactly one face is on it.
    """
    if len(sightings) != 1:
        found = "no face" if not sightings else f"{len(sightings)} faces"
        raise FaceError(f"the reference photo shows {found}: name one with the user's face alone on it")
    return Owner(sightings[0].embedding, threshold)


def _most_frequent(sightings: Sequence[Sighting], threshold: float) -> tuple[np.ndarray, int, str]:
    """Mean embedding of the densest group, in how many photos it appears, and the name of one."""
    embeddings = np.stack([sighting.embedding for sighting in sightings])
    names = np.array([sighting.photo for sighting in sightings], dtype=object)
    near = np.stack([np.linalg.norm(embeddings - one, axis=1) < threshold for one in embeddings])
    photos = np.array([len(set(names[row])) for row in near])
    centroid = embeddings[near[int(photos.argmax())]].mean(0)
    members = np.linalg.norm(embeddings - centroid, axis=1) < threshold
    if not members.any():  # a lone group stretched along a line; its densest point stands for it
        members = near[int(photos.argmax())]
    # Once more around the group's own mean: the densest point lies off its centre.
    return embeddings[members].mean(0), len(set(names[members])), str(names[members][0])
