"""A photo of a folder that is being protected."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from guise.chameleon.protection.log import LogEntry
from guise.models.files import Photo

_LARGE = 50_000_000  # samples of a photo; of such ones only one is held at a time


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

    def light(self) -> Task:
        """Put a large photo down.

        Returns:
            The task without the pixels of a large photo, which is read again when it is its turn.
        """
        if self.photo.frames or self.photo.pixels.size < _LARGE:
            return self
        return replace(self, photo=replace(self.photo, pixels=self.photo.pixels[:0].copy(), alpha=None))
