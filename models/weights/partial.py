"""An incomplete download: the bytes so far, and the ETag under which the rest can be asked for."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Part:
    """The incomplete download of `target`, kept beside it."""

    target: Path

    @property
    def data(self) -> Path:
        return self.target.with_name(self.target.name + ".part")

    @property
    def note(self) -> Path:
        return self.target.with_name(self.target.name + ".part.json")

    def have(self) -> int:
        return self.data.stat().st_size if self.data.is_file() else 0

    def etag(self, url: str) -> str | None:
        try:
            note = json.loads(self.note.read_text("utf-8"))
            return str(note["etag"]) if note["url"] == url else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def start(self, url: str, etag: str | None) -> None:
        """Forget what is there; what follows can be resumed if the server has named it by a strong ETag."""
        self.discard()
        if etag and not etag.startswith("W/"):
            self.note.write_text(json.dumps({"url": url, "etag": etag}), "utf-8")

    def discard(self) -> None:
        self.data.unlink(missing_ok=True)
        self.note.unlink(missing_ok=True)
