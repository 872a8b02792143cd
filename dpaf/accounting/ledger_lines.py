"""The lines of a ledger: JSON, chained by hashes, each on the disk before the program goes on."""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

from guise.models.errors import LedgerError
from guise.models.files import printable

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


def encoded(value: dict[str, Any]) -> bytes:
    """A line of JSON with its end.

    Args:
        value: that the line holds.
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def line_hash(line: bytes) -> str:
    """The hash that the next line holds.

    Args:
        line: without its end.
    """
    return hashlib.sha256(line).hexdigest()


def parsed(path: Path, line: bytes) -> dict[str, Any]:
    """What a line holds.

    Args:
        path: of the ledger, for messages.
        line: without its end.

    Raises:
        LedgerError: it is damaged.
    """
    try:
        value = json.loads(line)
        if not isinstance(value, dict):
            raise ValueError
    except (ValueError, RecursionError):
        raise LedgerError(f"the ledger {printable(path)} is damaged: restore it from a copy") from None
    return value


def append(path: Path, line: bytes, flags: int, *, after: int, torn: int = 0) -> None:
    """Put a line on the disk. A line that a crash cut short goes: it was never paid, and nothing was released for it.

    Args:
        path: of the ledger.
        line: with its end.
        flags: for opening the file, in addition to those of appending.
        after: bytes of whole lines that must be there.
        torn: bytes of a line that was cut short.

    Raises:
        LedgerError: another process has written meanwhile.
        OSError: the line cannot be written.
    """
    with open(path, "ab", buffering=0, opener=lambda name, more: os.open(name, more | flags, 0o644)) as file:
        if fcntl is not None:
            fcntl.flock(file, fcntl.LOCK_EX)  # until it is closed: of two that charge at once, one sees the other
        if os.fstat(file.fileno()).st_size != after + torn:
            what = f"another process has charged to {printable(path)} since it was opened"
            raise LedgerError(f"{what}: let one run use it at a time, and go on with `resume=True`")
        file.truncate(after)
        if file.write(line) != len(line):
            raise OSError(28, "disk full", str(path))
        os.fsync(file.fileno())
