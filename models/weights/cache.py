"""The folder of downloaded and converted weights, and the hashes recorded when a file was first used."""

from __future__ import annotations

import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path

import platformdirs

from guise.models.errors import WeightsError


def folder() -> Path:
    """The cache folder, which need not exist: `GUISE_CACHE` if set, else the platform's place for caches."""
    chosen = os.environ.get("GUISE_CACHE")
    return Path(chosen).expanduser() if chosen else Path(platformdirs.user_cache_dir("guise", appauthor=False))


def sha256_of(path: Path) -> str:
    """SHA-256 of the file at `path`, in hexadecimal.

    Raises:
        WeightsError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror or error}") from None


def _trust_file() -> Path:
    return folder() / "trusted.json"


def _read_trust() -> dict[str, dict[str, str | int]]:
    path = _trust_file()
    try:
        entries = json.loads(path.read_text("utf-8"))
        if not all(isinstance(entry["sha256"], str) for entry in entries.values()):
            raise ValueError("a hash is not text")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # Starting afresh in silence would accept any file that lies in the cache by now.
        raise WeightsError(f"{path}, the record of trusted weights, is damaged; delete it to trust anew") from None
    return dict(entries)


def trusted(name: str) -> str | None:
    """The sha256 recorded when the weights `name` were first used, or None.

    Raises:
        WeightsError: the record is damaged.
    """
    entry = _read_trust().get(name)
    return None if entry is None else str(entry["sha256"])


def trust(name: str, *, sha256: str, size: int) -> None:
    """Record that the weights `name` had this hash and this size in bytes when first used.

    Raises:
        WeightsError: the record is damaged.
        OutputError: it cannot be written.
    """
    from guise.models.files.atomic import atomic_write  # slow: brings numpy along

    entries = _read_trust()
    entries[name] = {"sha256": sha256, "bytes": size, "date": datetime.now(UTC).date().isoformat()}
    with atomic_write(_trust_file()) as file:
        file.write(json.dumps(entries, indent=1).encode() + b"\n")
