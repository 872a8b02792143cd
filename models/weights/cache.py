"""Hashes of weights, and the record of those that were accepted when a file was first used."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

from guise.models.errors import WeightsError
from guise.models.places import cache_folder


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file.

    Args:
        path: the file.

    Returns:
        64 hexadecimal digits.

    Raises:
        WeightsError: the file cannot be read.
    """
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise WeightsError(f"cannot read {path}: {error.strerror or error}") from None


def _trust_file() -> Path:
    return cache_folder() / "trusted.json"


def _read_trust() -> dict[str, dict[str, str | int]]:
    path = _trust_file()
    try:
        entries = json.loads(path.read_text("utf-8"))
        if not all(isinstance(entry["sha256"], str) for entry in entries.values()):
            raise ValueError("a hash is not text")
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        # A silent fresh start would accept any file that lies in the cache by now.
        raise WeightsError(f"{path}, the record of trusted weights, is damaged; delete it to trust anew") from None
    return dict(entries)


def trusted(name: str) -> str | None:
    """The hash that was recorded when weights were first used.

    Args:
        name: of the weights.

    Returns:
        64 hexadecimal digits, or None where nothing is recorded.

    Raises:
        WeightsError: the record is damaged.
    """
    entry = _read_trust().get(name)
    return None if entry is None else str(entry["sha256"])


def trust(name: str, *, sha256: str, size: int) -> None:
    """Record the hash of weights that are used for the first time.

    Args:
        name: of the weights.
        sha256: hash of its file, 64 hexadecimal digits.
        size: of its file, in bytes.

    Raises:
        WeightsError: the record is damaged.
        OutputError: it cannot be written.
    """
    from guise.models.files.atomic import atomic_write  # slow: brings numpy along

    entries = _read_trust()
    entries[name] = {"sha256": sha256, "bytes": size, "date": datetime.now(UTC).date().isoformat()}
    with atomic_write(_trust_file()) as file:
        file.write(json.dumps(entries, indent=1).encode() + b"\n")
