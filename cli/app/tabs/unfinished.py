"""The job that was not finished, written down so that another run of the command can go on with it."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Unfinished:
    """A job that began to protect photos. It tells nothing of faces.

    Attributes:
        folder: with the originals; None are photos that were dropped on the page.
        dropped: digest of these (`Uploads.digest`); "" for a folder.
        out: where the copies go.
        strength: how visible the mask may be.
    """

    folder: str | None
    dropped: str
    out: str
    strength: str


class Notebook:
    """The file with the one unfinished job."""

    def __init__(self, home: Path) -> None:
        """Name the file.

        Args:
            home: the folder of keys and copies.
        """
        self._file = home / "unfinished.json"

    def read(self) -> Unfinished | None:
        """What was begun and not finished.

        Returns:
            The job; None where there is none, or its folder is gone.
        """
        try:
            job = Unfinished(**json.loads(self._file.read_text("utf-8")))
        except (OSError, TypeError, ValueError, RecursionError):
            return None
        if not all(isinstance(value, str) for value in (job.dropped, job.out, job.strength, job.folder or "")):
            return None
        return job if job.folder is None or Path(job.folder).is_dir() else None

    def write(self, job: Unfinished) -> None:
        """Note a job that begins.

        Args:
            job: in the place of any other.
        """
        with suppress(OSError):  # then it cannot be gone on with; the job itself will say what is wrong
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            part = self._file.with_suffix(".part")
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
                json.dump(asdict(job), file)
            part.replace(self._file)

    def forget(self) -> None:
        """There is no unfinished job any more."""
        with suppress(OSError):
            self._file.unlink(missing_ok=True)
