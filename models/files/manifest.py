"""A log of what a batch has done. The batch can be stopped at any moment, and go on later."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from guise.models.errors import InputError
from guise.models.files.atomic import sync_folder, write_error
from guise.models.files.names import printable

_KEY = ("source_sha256", "settings_hash", "name")


def settings_hash(settings: Mapping[str, Any]) -> str:
    """A hash that tells two settings apart. The order in which they are listed plays no part.

    Args:
        settings: plain JSON.

    Returns:
        16 hexadecimal digits.

    Raises:
        TypeError, ValueError: a value is not plain JSON (NaN and infinity are not).
    """
    return hashlib.sha256(_canonical(settings).encode()).hexdigest()[:16]


def file_hash(path: Path) -> str | None:
    """The SHA-256 of a file.

    Args:
        path: the file.

    Returns:
        64 hexadecimal digits; None where it is missing, cannot be read or is no regular file, such as a pipe.
    """
    try:
        if not path.is_file():
            return None
        with path.open("rb") as file:  # videos do not fit the memory
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


class Manifest:
    """An append-only JSONL file with one record on each line, keyed by source, settings and name.

    Lines cut short by a kill, or garbled, count as absent. Of several records with a key the last counts.

    Args:
        path: the file. It appears with the first record.
        mode: permission bits of a new file, without those that the umask takes away.

    Raises:
        InputError: the file exists and cannot be read.
    """

    def __init__(self, path: Path, *, mode: int = 0o666) -> None:
        self.path = path
        self._mode = mode
        self._records: dict[tuple[str, ...], dict[str, Any]] = {}
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            data = b""
        except OSError as error:
            reason = f"cannot read the manifest {printable(path)}: {error.strerror}"
            raise InputError(f"{reason}; move it away or choose another output folder") from error
        for line in data.split(b"\n"):
            self._remember(line)

    def find(self, source_sha256: str, settings_hash: str, name: str) -> dict[str, Any] | None:
        """The last record with a key.

        Args:
            source_sha256: hash of the source, in hexadecimal.
            settings_hash: hash of the settings, as `settings_hash` gives it.
            name: of the item.

        Returns:
            The record, or None when there is none.
        """
        record = self._records.get((source_sha256, settings_hash, name))
        return None if record is None else dict(record)

    def records(self) -> list[dict[str, Any]]:
        """All records.

        Returns:
            The last record of each key, in the order in which the keys first came.
        """
        return [dict(record) for record in self._records.values()]

    def append(self, record: Mapping[str, Any]) -> None:
        """Add a record and return once it is on the disk.

        Args:
            record: plain JSON with at least the texts `source_sha256`, `settings_hash` and `name`.

        Raises:
            OutputError: the file cannot be written.
            KeyError: a part of the key is missing.
            TypeError, ValueError: a value is not plain JSON (NaN and infinity are not).
        """
        key = tuple(record[part] for part in _KEY)
        line = _canonical(record)
        try:
            self._write(line.encode() + b"\n")
        except OSError as error:
            raise write_error(self.path, error) from error
        self._records[key] = json.loads(line)

    def _write(self, line: bytes) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with open(self.path, "a+b", opener=lambda name, flags: os.open(name, flags, self._mode)) as file:
            end = file.seek(0, os.SEEK_END)
            if end:
                file.seek(end - 1)
                torn = file.read(1) != b"\n"
                line = b"\n" + line if torn else line
            file.write(line)
            file.flush()
            os.fsync(file.fileno())
        if not end:
            sync_folder(self.path.parent)

    def _remember(self, line: bytes) -> None:
        try:
            record = json.loads(line)
            key = tuple(record[part] for part in _KEY)
        except (ValueError, KeyError, TypeError, RecursionError):
            return
        if all(isinstance(part, str) for part in key):
            self._records[key] = record


def _canonical(value: Mapping[str, Any]) -> str:
    # ASCII only, so that a file name that is not valid UTF-8 comes back unchanged (\udcXX).
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
