"""A zip of copies, made while it is sent: nothing is kept twice."""

from __future__ import annotations

import io
import time
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

_CHUNK = 2**18


class _Pending(io.RawIOBase):
    """Takes what `zipfile` writes until it is sent."""

    def __init__(self) -> None:
        self._bytes = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._bytes += data
        return len(data)

    def take(self) -> bytes:
        data = bytes(self._bytes)
        self._bytes.clear()
        return data


def zipped(files: Iterable[tuple[str, Path]]) -> Iterator[bytes]:
    """Write files as a zip, uncompressed, as photos are compressed already.

    Args:
        files: the name in the zip and the file of each; files that are gone are left out.

    Yields:
        The zip's bytes.
    """
    pending = _Pending()
    with zipfile.ZipFile(pending, "w", zipfile.ZIP_STORED) as archive:
        for name, path in files:
            try:
                file = path.open("rb")
                changed = time.localtime(path.stat().st_mtime)[:6]
            except OSError:
                continue
            safe = name.encode("utf-8", "replace").decode()
            entry = zipfile.ZipInfo(safe, max(changed, (1980, 1, 1, 0, 0, 0)))
            entry.external_attr = 0o600 << 16
            with file, archive.open(entry, "w", force_zip64=True) as target:
                while data := file.read(_CHUNK):
                    target.write(data)
                    yield pending.take()
    yield pending.take()
