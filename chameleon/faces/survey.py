"""What a folder of photos shows: all faces, and which of them are to be protected."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from guise.chameleon.faces.crop import Portrait
from guise.chameleon.faces.embedding import FaceReader
from guise.chameleon.faces.template import Owner, Sighting, recurring
from guise.models.errors import FaceError, ImageError
from guise.models.files import Photo, printable, read_photo

Progress = Callable[[str, int, int], None]
"""Called with what is being done, items done and items in all."""
Which = Literal["owner", "largest", "all"]
"""Faces to protect: the user's, each photo's largest, or all."""
_MOST_PORTRAITS = 24
_SMALLEST_FACE = 11  # pixels of its box inside the photo; the least that SSIM can be measured on


@dataclass(frozen=True)
class Survey:
    """What a folder shows.

    Attributes:
        sightings: all faces of each photo that could be read.
        failures: reason for each that could not.
    """

    sightings: dict[Path, list[Sighting]]
    failures: dict[Path, str]


def find_faces(folder: Path, photos: Sequence[Path], reader: FaceReader, *, progress: Progress | None = None) -> Survey:
    """Find all faces in `photos`, paths below `folder`."""
    sightings: dict[Path, list[Sighting]] = {}
    failures: dict[Path, str] = {}
    for done, photo in enumerate(photos, 1):
        try:
            sightings[photo] = faces_of(read_photo(folder / photo), photo, reader)
        except ImageError as error:
            failures[photo] = str(error)
        if progress is not None:
            progress("looking for faces", done, len(photos))
    return Survey(sightings, failures)


def faces_of(photo: Photo, path: Path, reader: FaceReader) -> list[Sighting]:
    """All faces in `photo` that are large enough, from the largest to the smallest."""
    height, width = photo.pixels.shape[:2]
    found = reader.read(photo.pixels, name=printable(path))
    return [sighting for sighting in found if min(_shape(sighting, height, width)) >= _SMALLEST_FACE]


def _shape(sighting: Sighting, height: int, width: int) -> tuple[int, int]:
    rows, columns = sighting.face.box_in(height, width)
    return rows.stop - rows.start, columns.stop - columns.start


@dataclass(frozen=True)
class Chooser:
    """Which faces of a photo are to be protected.

    Attributes:
        which: the user's ("owner"), each photo's largest, or all.
        owner: the user; where faces are not chosen by whose they are, an average that nobody is told by.
    """

    which: Which
    owner: Owner

    @property
    def person(self) -> Owner | None:
        """The user, where all chosen faces are theirs."""
        return self.owner if self.which == "owner" else None

    @classmethod
    def from_survey(cls, found: Survey, which: Literal["recurring", "largest", "all"], *, threshold: float) -> Chooser:
        """The person in most photos, each photo's largest face, or all faces.

        Args:
            found: the folder's faces.
            which: which of them.
            threshold: Euclidean distance below which two embeddings are one person's.

        Raises:
            FaceError: no photo shows a face, or the user cannot be told from others.
        """
        everyone = [sighting for faces in found.sightings.values() for sighting in faces]
        if not everyone:
            raise FaceError(
                f"no face was found in {len(found.sightings)} photos ({len(found.failures)} could not be read): "
                "name a folder with photos of the user"
            )
        if which == "recurring":
            return cls("owner", recurring(everyone, threshold=threshold))
        chosen = everyone if which == "all" else [faces[0] for faces in found.sightings.values() if faces]
        centroid = np.mean([sighting.embedding for sighting in chosen], axis=0)
        return cls("all" if which == "all" else "largest", Owner(centroid, threshold))

    def pick(self, faces: Sequence[Sighting]) -> list[Sighting]:
        """The ones among a photo's `faces`."""
        if self.which == "owner":
            return self.owner.among(faces)
        return list(faces) if self.which == "all" else list(faces[:1])


def portraits(folder: Path, found: Survey, chooser: Chooser) -> list[Portrait]:
    """The user's faces to learn from: at most 24, the largest.

    Raises:
        FaceError: there is none.
    """
    candidates = [(photo, sighting) for photo, faces in found.sightings.items() for sighting in chooser.pick(faces)]
    if not candidates:
        raise FaceError("the user's face is in none of the photos: check --user-face")
    largest = sorted(candidates, key=lambda candidate: -candidate[1].face.area)[:_MOST_PORTRAITS]
    return [_portrait(read_photo(folder / photo), sighting) for photo, sighting in largest]


def _portrait(photo: Photo, sighting: Sighting) -> Portrait:
    return Portrait.cut(photo.pixels, sighting.face, grey=photo.grey)
