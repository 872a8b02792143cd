"""The people in a folder's photos: which faces are one person's, and what selects the person that a user points at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from guise.chameleon.faces.embedding import EmbeddedFace, distances
from guise.chameleon.faces.selection import FaceSelector, WhoseFace
from guise.chameleon.faces.template import FaceTemplate

_ROWS = 512  # of the matrix of distances that are held at once


@dataclass(frozen=True)
class Person:
    """Faces that the recogniser takes for one person's.

    Attributes:
        faces: one or more, each with its photo's path below the folder, the largest first.
    """

    faces: tuple[tuple[Path, EmbeddedFace], ...]

    @property
    def photos(self) -> int:
        """In how many photos the person appears."""
        return len({path for path, _ in self.faces})


def people_in(faces: Sequence[tuple[Path, EmbeddedFace]], *, threshold: float) -> tuple[Person, ...]:
    """Group faces by person: the densest group first, then the densest of what is left, and so on.

    Args:
        faces: all faces of a folder, each with its photo's path.
        threshold: Euclidean distance below which two embeddings are one person's.

    Returns:
        The people, those in most photos first. Each face is in one of them.
    """
    if not faces:
        return ()
    embeddings = np.stack([face.embedding for _, face in faces])
    near = _near(embeddings, threshold)
    counts, left = near.sum(1), np.ones(len(faces), dtype=bool)
    people = []
    while left.any():
        dense = int(np.where(left, counts, -1).argmax())
        centre = embeddings[near[dense] & left].mean(0)
        # Around the group's own mean, as the densest face lies off its centre; that face stays in its group.
        members = left & (np.linalg.norm(embeddings - centre, axis=1) < threshold)
        members[dense] = True
        left &= ~members
        counts = counts - near[:, members].sum(1)
        largest = sorted(np.flatnonzero(members).tolist(), key=lambda i: -faces[i][1].face.area)
        people.append(Person(tuple(faces[i] for i in largest)))
    return tuple(sorted(people, key=lambda person: -person.photos))


def select_people(chosen: Sequence[Person], others: Sequence[Person], *, threshold: float) -> FaceSelector:
    """Select the user, who pointed at one or more groups of faces, and nobody else where that can be told.

    Args:
        chosen: groups that are the user's; at least one.
        others: groups that are not.
        threshold: Euclidean distance below which two embeddings are one person's, as `people_in` had it.

    Returns:
        A selector by the mean of the chosen faces. It is narrower than `threshold` where that keeps others out, and
        wide enough for all chosen faces in any case.

    Raises:
        ValueError: nobody is chosen.
    """
    if not chosen:
        raise ValueError("choose at least one person")
    ours, theirs = (
        np.array([face.embedding for person in people for _, face in person.faces]) for people in (chosen, others)
    )
    mean = ours.mean(0)
    farthest = float(np.linalg.norm(ours - mean, axis=1).max())
    nearest = float(np.linalg.norm(theirs - mean, axis=1).min()) if len(theirs) else np.inf
    return FaceSelector(WhoseFace.REFERENCE, FaceTemplate(mean), max(min(threshold, nearest), farthest * 1.001))


def _near(embeddings: np.ndarray, threshold: float) -> np.ndarray:
    """bool (N, N): which two are one person's."""
    rows = [
        distances(embeddings[start : start + _ROWS], embeddings, metric="euclidean") < threshold
        for start in range(0, len(embeddings), _ROWS)
    ]
    return np.concatenate(rows)
