"""An incomplete download: the bytes so far, and the ETag under which the rest can be asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Part:
    """The incomplete download of a file, kept next to it.

    Attributes:
        target: the file that it will become.
    """

    target: Path

    @property
    def data(self) -> Path:
        """The file with the bytes so far."""
        return self.target.with_name(self.target.name + ".part")

    @property
    def note(self) -> Path:
        """The file with the ETag."""
        return self.target.with_name(self.target.name + ".part.json")

    def have(self) -> int:
        """How many bytes are here."""
        return self.data.stat().st_size if self.data.is_file() else 0

    def etag(self, url: str) -> str | None:
        """The strong ETag of the bytes so far. With it, the server gives the rest of the same file only.

        Args:
            url: where the rest would come from.

        Returns:
            The tag as the server gave it, or None where none was kept or the bytes came from another URL.
        """
        try:
            note = json.loads(self.note.read_text("utf-8"))
            return str(note["etag"]) if note["url"] == url else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def start(self, url: str, etag: str | None) -> None:
        """Forget the bytes so far. The new ones can be resumed later if the server sends a strong ETag.

        Args:
            url: where they come from.
            etag: what the server calls the file, or None.
        """
        self.discard()
        if etag and not etag.startswith("W/"):
            self.note.write_text(json.dumps({"url": url, "etag": etag}), "utf-8")

    def discard(self) -> None:
        """Delete both files."""
        self.data.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)
