"""What a session of the page may do, and how it works."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class Limits:
    """How much may be dropped on the page.

    Attributes:
        photos: files in all.
        file_bytes: of one file, as the library reads at most.
        total_bytes: of all files.
    """

    photos: int = 2000
    file_bytes: int = 2**30
    total_bytes: int = 20 * 2**30


@dataclass(frozen=True)
class Settings:
    """Settings of one session.

    Attributes:
        home: where keys, and copies of dropped photos, are kept.
        recognisers: as of `guise.chameleon.protect`; empty is the default team.
        refine: as there.
        patience: as there.
        learning_steps: updates of the mask in learning; None is the library's default.
        device: as there.
        limits: on what may be dropped on the page.
    """

    home: Path
    recognisers: tuple[str, ...] = ()
    refine: int | None = None
    patience: int | None = None
    learning_steps: int | None = None
    device: str = "auto"
    limits: Limits = field(default_factory=Limits)

    @property
    def keys(self) -> Path:
        """The folder of the keys."""
        return self.home / "keys"

    @property
    def copies(self) -> Path:
        """The folder of the copies of dropped photos, one folder a job."""
        return self.home / "copies"
