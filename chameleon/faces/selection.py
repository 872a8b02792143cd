"""Whose faces are meant: the user's faces are told from those of others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from guise.chameleon.faces.embedding import EmbeddedFace
from guise.chameleon.faces.template import FaceTemplate
from guise.models.counting import counted
from guise.models.errors import FaceError

_AMBIGUOUS = 0.8  # a second person in this share of the first one's photos makes "the one who recurs" a guess


class WhoseFace(StrEnum):
    """Which faces of a folder's photos are meant. The values are those of the command line and of key files."""

    RECURRING = "recurring"
    """Those of the person who is in most photos; once that person is known, this becomes `REFERENCE`."""
    LARGEST = "largest"
    """The largest face of each photo."""
    ALL = "all"
    """All faces."""
    REFERENCE = "owner"
    """Those of one person whose face template is known, from a reference photo or from a key."""


@dataclass(frozen=True)
class FaceSelector:
    """Selects faces in photos.

    Attributes:
        whose: `REFERENCE`, `LARGEST` or `ALL`; only the first selects by `template`.
        template: the user's; with `LARGEST` and `ALL` the mean of all selected faces, by which nobody is told.
        threshold: Euclidean distance from `template` below which a face is the user's.
        other_photos: in how many photos the next most frequent person appears; 0 if nobody but the user recurs.
    """

    whose: WhoseFace
    template: FaceTemplate
    threshold: float
    other_photos: int = 0

    def __post_init__(self) -> None:
        if self.whose is WhoseFace.RECURRING:
            raise ValueError("find the person who recurs first, with `select_recurring`")

    @property
    def one_person(self) -> bool:
        """Whether all selected faces are the user's."""
        return self.whose is WhoseFace.REFERENCE

    def matches(self, embedding: np.ndarray) -> bool:
        """Tell whether a face is the user's.

        Args:
            embedding: float32 (D,), raw, by the recogniser of `template`.

        Returns:
            Whether it lies nearer to `template` than `threshold`.
        """
        return bool(np.linalg.norm(embedding - self.template.mean) < self.threshold)

    def select(self, faces: Sequence[EmbeddedFace]) -> list[EmbeddedFace]:
        """Select among the faces of one photo.

        Args:
            faces: all faces of the photo, from the largest to the smallest.

        Returns:
            The selected ones. Of several faces that match the user only the nearest, since nobody is in a photo twice.
        """
        if self.whose is WhoseFace.ALL:
            return list(faces)
        if self.whose is WhoseFace.LARGEST:
            return list(faces[:1])
        matching = [face for face in faces if self.matches(face.embedding)]
        return sorted(matching, key=lambda face: float(np.linalg.norm(face.embedding - self.template.mean)))[:1]


def select_recurring(faces: Sequence[EmbeddedFace], *, threshold: float) -> FaceSelector:
    """Select the person who appears in most photos.

    Args:
        faces: all faces of all photos.
        threshold: Euclidean distance below which two embeddings are one person's.

    Returns:
        A selector of that person's faces.

    Raises:
        FaceError: there is no face, or another person appears about as often.
    """
    if not faces:
        raise FaceError("no face was found in any photo: name other photos, larger or better lit ones")
    mean, count, example = _most_frequent(faces, threshold)
    selector = FaceSelector(WhoseFace.REFERENCE, FaceTemplate(mean), threshold)
    rest = [face for face in faces if not selector.matches(face.embedding)]
    if not rest:
        return selector
    _, second_count, second_example = _most_frequent(rest, threshold)
    if second_count >= _AMBIGUOUS * count:
        photos = f"{counted(count, 'photo')}, such as {example!r}, and {second_count}, such as {second_example!r}"
        raise FaceError(
            f"two people appear about equally often ({photos}): say who is meant with `user_face=PHOTO`, or use "
            "`user_face=largest`"
        )
    return FaceSelector(WhoseFace.REFERENCE, FaceTemplate(mean), threshold, second_count if second_count > 1 else 0)


def select_reference(faces: Sequence[EmbeddedFace], *, threshold: float) -> FaceSelector:
    """Select the person on a reference photo.

    Args:
        faces: all faces of the reference photo.
        threshold: Euclidean distance below which two embeddings are one person's.

    Returns:
        A selector of that person's faces.

    Raises:
        FaceError: the photo does not show exactly one face.
    """
    if len(faces) != 1:
        shown = "no face" if not faces else f"{len(faces)} faces"
        raise FaceError(f"the reference photo shows {shown}: name one with the user's face alone on it")
    return FaceSelector(WhoseFace.REFERENCE, FaceTemplate(faces[0].embedding), threshold)


def _most_frequent(faces: Sequence[EmbeddedFace], threshold: float) -> tuple[np.ndarray, int, str]:
    """Mean embedding of the densest group, in how many photos it appears, and the name of one such photo."""
    embeddings = np.stack([face.embedding for face in faces])
    names = np.array([face.photo for face in faces], dtype=object)
    near = np.stack([np.linalg.norm(embeddings - embedding, axis=1) < threshold for embedding in embeddings])
    photos = np.array([len(set(names[row])) for row in near])
    mean = embeddings[near[int(photos.argmax())]].mean(0)
    members = np.linalg.norm(embeddings - mean, axis=1) < threshold
    if not members.any():  # a group stretched along a line; its densest point stands for it
        members = near[int(photos.argmax())]
    # Once more around the group's own mean: the densest point lies off its centre.
    return embeddings[members].mean(0), len(set(names[members])), str(names[members][0])
