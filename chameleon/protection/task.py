"""A photo of a folder that is being protected."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from guise.chameleon.faces.embedding import EmbeddedFace
from guise.chameleon.protection.entries import LogEntry
from guise.models.files import LARGE, Photo, put_down, read_photo

_LARGE = 50_000_000  # samples of a photo; of such ones only one is held at a time
_MARGIN = 2.0  # of a face's longer side, around it: more than any measure looks at


@dataclass(frozen=True)
class Task:
    """A photo of the folder.

    Attributes:
        path: below the folder.
        photo: as read.
        ours: whether there is a copy that an earlier run has written.
        finished: what an earlier run with these settings has logged, if there is nothing left to do.
    """

    path: Path
    photo: Photo
    ours: bool
    finished: LogEntry | None

    @property
    def held(self) -> bool:
        """Whether its pixels are in memory."""
        return len(self.photo.pixels) > 0

    def light(self) -> Task:
        """Put a large photo down.

        Returns:
            The task without the pixels of a large photo, which is read again when it is its turn.
        """
        if self.photo.frames or self.photo.pixels.size < _LARGE:
            return self
        return replace(
            self,
            photo=replace(self.photo, pixels=self.photo.pixels[:0].copy(), alpha=None, compressed=None, lower=None),
        )

    def whole(self, folder: Path) -> Photo:
        """Pick a photo up again.

        Args:
            folder: with the originals.

        Returns:
            The photo with its pixels.

        Raises:
            ImageError: it can no longer be read.
        """
        return self.photo if self.held else read_photo(folder / self.path)


def near_faces(photo: Photo, faces: Sequence[EmbeddedFace]) -> Photo:
    """Keep of a large photo what lies near some faces, so that its copy can be read beside it.

    Args:
        photo: as read.
        faces: of the photo.

    Returns:
        A photo that is black elsewhere, where it takes no memory; the photo itself where it is small, or where all of
        it is needed to restore it to the bit.
    """
    if photo.frames or photo.lossless or photo.pixels.size < _LARGE:
        return photo
    if photo.pixels.size >= LARGE:  # it lies on the disk
        put_down(photo.pixels)
        return photo
    height, width = photo.pixels.shape[:2]
    kept = np.zeros(photo.pixels.shape, np.uint8)  # pages that nobody writes to take no memory
    for face in faces:
        box = face.face.box
        margin = _MARGIN * max(box[2] - box[0], box[3] - box[1])
        left, top = np.clip(box[:2] - margin, 0, (width, height)).astype(int)
        right, bottom = np.clip(box[2:] + margin, 0, (width, height)).astype(int)
        kept[top:bottom, left:right] = photo.pixels[top:bottom, left:right]
    return replace(photo, pixels=kept)
