"""What a folder of photos shows: all faces, and those of them to learn from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from guise.chameleon.faces.crop import FaceCrop
from guise.chameleon.faces.embedding import EmbeddedFace, FaceReader
from guise.chameleon.faces.selection import FaceSelector, WhoseFace, select_recurring
from guise.chameleon.faces.template import FaceTemplate
from guise.models.counting import by_number, counted
from guise.models.errors import FaceError, ImageError
from guise.models.files import Photo, printable
from guise.models.files.videos.pictures import read_picture
from guise.models.watching import Progress

_MOST_FACES = 24
_SMALLEST_FACE = 11  # pixels of its box inside the photo; the least that SSIM can be measured on


@dataclass(frozen=True)
class Survey:
    """What a folder shows.

    Attributes:
        faces: all faces of each photo that could be read, by the photo's path below the folder.
        failures: why the others could not be read, by their paths.
    """

    faces: dict[Path, list[EmbeddedFace]]
    failures: dict[Path, str]

    def selector(self, whose: WhoseFace, *, threshold: float) -> FaceSelector:
        """Find out whose faces are to be protected.

        Args:
            whose: `RECURRING`, `LARGEST` or `ALL`.
            threshold: Euclidean distance below which two embeddings are one person's.

        Returns:
            The selector; of `RECURRING` it is one of that person's faces.

        Raises:
            FaceError: no photo shows a face, or the user cannot be told from others.
            ValueError: `whose` is `REFERENCE`, whom a survey does not tell.
        """
        if whose is WhoseFace.REFERENCE:
            raise ValueError("a reference photo tells who is meant: use `select_reference`")
        everyone = [face for faces in self.faces.values() for face in faces]
        if not everyone:
            raise FaceError(f"{self._nobody()}: name a folder with photos of the user")
        if whose is WhoseFace.RECURRING:
            return select_recurring(everyone, threshold=threshold)
        chosen = everyone if whose is WhoseFace.ALL else [faces[0] for faces in self.faces.values() if faces]
        mean = np.mean([face.embedding for face in chosen], axis=0)
        return FaceSelector(whose, FaceTemplate(mean), threshold)

    def _nobody(self) -> str:
        """Why there is no face."""
        read, unread = len(self.faces), len(self.failures)
        if unread and not read:
            return by_number(unread, "the one photo could not be read", f"none of {unread} photos could be read")
        return f"no face was found in {counted(read, 'photo')}" + (f" ({unread} could not be read)" if unread else "")


def find_faces(folder: Path, photos: Sequence[Path], reader: FaceReader, *, progress: Progress | None = None) -> Survey:
    """Find all faces in a folder's photos.

    Args:
        folder: where the photos are.
        photos: their paths below the folder, or names of pictures of videos; see `read_picture`.
        reader: detects and embeds the faces.
        progress: called after each photo.

    Returns:
        All faces, and the photos that could not be read.
    """
    faces: dict[Path, list[EmbeddedFace]] = {}
    failures: dict[Path, str] = {}
    for done, photo in enumerate(photos, 1):
        try:
            faces[photo] = faces_of(read_picture(folder / photo), photo, reader)
        except ImageError as error:
            failures[photo] = str(error)
        if progress is not None:
            progress("looking for faces", done, len(photos))
    return Survey(faces, failures)


def faces_of(photo: Photo, path: Path, reader: FaceReader) -> list[EmbeddedFace]:
    """Find the faces in one photo that are large enough to be measured.

    Args:
        photo: the photo as read.
        path: its path below the folder, by which the results name it.
        reader: detects and embeds the faces.

    Returns:
        The faces, from the largest to the smallest.
    """
    return faces_in(photo.pixels, printable(path), reader)


def faces_in(pixels: np.ndarray, name: str, reader: FaceReader) -> list[EmbeddedFace]:
    """Find the faces in a picture that are large enough to be measured.

    Args:
        pixels: uint8 (H, W, 3) RGB.
        name: by which the results name it.
        reader: detects and embeds the faces.

    Returns:
        The faces, from the largest to the smallest.
    """
    height, width = pixels.shape[:2]
    faces = reader.read(pixels, name=name)
    return [face for face in faces if min(_box_size(face, height, width)) >= _SMALLEST_FACE]


def _box_size(face: EmbeddedFace, height: int, width: int) -> tuple[int, int]:
    rows, columns = face.face.box_in(height, width)
    return rows.stop - rows.start, columns.stop - columns.start


def cut_faces(folder: Path, survey: Survey, selector: FaceSelector) -> list[FaceCrop]:
    """Cut the selected faces out of a folder's photos, to learn from them.

    Args:
        folder: where the photos are.
        survey: the folder's faces.
        selector: which of them.

    Returns:
        At most 24 faces, the largest.

    Raises:
        FaceError: no face is selected.
        ImageError: a photo can no longer be read.
    """
    candidates = [(photo, face) for photo, faces in survey.faces.items() for face in selector.select(faces)]
    if not candidates:
        raise FaceError("the user's face is in none of the photos: check `user_face=`")
    largest = sorted(candidates, key=lambda candidate: -candidate[1].face.area)[:_MOST_FACES]
    return [_cut(read_picture(folder / photo), face) for photo, face in largest]


def _cut(photo: Photo, face: EmbeddedFace) -> FaceCrop:
    return FaceCrop.of(photo, face.face)
