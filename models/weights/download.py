"""Fetch one file over HTTPS: resumable, checked by size and sha256, and moved into place in one step."""

from __future__ import annotations

import errno
import http.client
import ipaddress
import os
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.client import HTTPResponse
from pathlib import Path
from typing import IO, cast
from urllib.parse import urlsplit

from filelock import FileLock

from guise.models.errors import OfflineError, WeightsError
from guise.models.weights.cache import sha256_of
from guise.models.weights.partial import Part

BytesProgress = Callable[[int, int | None], None]
"""Called with bytes so far and bytes in all, or None where that is not known."""

_RETRY_DELAYS = (0.5, 1.0, 2.0)  # seconds
_TIMEOUT = 30.0  # seconds without any answer
_CHUNK = 1 << 18
_BUSY = {408, 425, 429, 500, 502, 503, 504}


class _TryAgainError(Exception):
    """The transfer broke off for a reason that may pass."""


def readable_size(size: int | None) -> str:
    """A size as a person reads it.

    Args:
        size: in bytes, or None where it is not known.

    Returns:
        Text such as `111.9 MB`.
    """
    return "size unknown" if size is None else f"{size / 1e6:.1f} MB"


def fetch(
    url: str,
    target: Path,
    *,
    name: str,
    sha256: str | None,
    size: int | None,
    offline: bool,
    progress: BytesProgress | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> str:
    """Download a file.

    The bytes are kept in `target` + `.part` until the file is complete. A broken download goes on from there, also in a
    later run, as long as the server confirms by ETag that the file is still the same.

    Args:
        url: where the file is; https only.
        target: where it goes.
        name: what messages call it, and what `guise models fetch` takes.
        sha256: hash that the file must have; None accepts any.
        size: exact number of bytes that the file must have; None accepts any.
        offline: never open a socket.
        progress: called with bytes so far and bytes in all (None if unknown).
        sleep: waits between the attempts.

    Returns:
        The file's SHA-256, in hexadecimal.

    Raises:
        OfflineError: the file would have to be fetched while `offline`, or the server cannot be reached.
        WeightsError: the server refuses, the file is not the expected one, or it cannot be written.
    """
    if offline:
        raise OfflineError(
            f"{name} ({readable_size(size)}) is not on this machine and may not be fetched while offline; "
            f"run `guise models fetch {name}` while connected"
        )
    _require_https(url)
    part = Part(target)
    with _disk_errors(part, size):
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{target}.lock"):  # a second process waits, then finds nothing left to fetch
            if sha256 is not None and target.is_file() and sha256_of(target) == sha256:
                return sha256
            _transfer_patiently(url, part, name=name, size=size, progress=progress, sleep=sleep)
            actual = sha256_of(part.data)
            if sha256 not in (None, actual):
                part.discard()
                raise WeightsError(
                    f"{url} is not the expected file: its sha256 is {actual}, not {sha256}; nothing was kept"
                )
            part.data.replace(target)
            part.discard()
    return actual


@contextmanager
def _disk_errors(part: Part, size: int | None) -> Iterator[None]:
    """Say in one line what is wrong with the disk. `_open` and `_read` do so for the network."""
    try:
        yield
    except OSError as error:
        where = part.target.parent
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            part.discard()
            problem = f"no room for {part.target.name} ({readable_size(size)}) in {where}; free some"
        else:
            problem = f"cannot write {part.target.name} to {where}: {error.strerror or error}; make it writable"
        raise WeightsError(f"{problem}, or set GUISE_CACHE to another folder") from None


def _require_https(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(parts.hostname or "")):
        return
    raise WeightsError(f"refusing to fetch {url}: weights come over https only")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class _HttpsRedirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from https to anything weaker."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        _require_https(newurl)
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def _transfer_patiently(
    url: str,
    part: Part,
    *,
    name: str,
    size: int | None,
    progress: BytesProgress | None,
    sleep: Callable[[float], None],
) -> None:
    """Complete `part`, with a few further attempts where they can help."""
    for delay in (*_RETRY_DELAYS, None):
        try:
            _transfer(url, part, size=size, progress=progress)
            return
        except _TryAgainError as error:
            if delay is None:
                raise OfflineError(
                    f"cannot fetch {name} ({readable_size(size)}) from {url}: {error}; "
                    f"check the connection, then run `guise models fetch {name}`"
                ) from None
            sleep(delay)


def _transfer(url: str, part: Part, *, size: int | None, progress: BytesProgress | None) -> None:
    """Make a single attempt: ask for the missing bytes, then append them or start over, as the server answers."""
    etag = part.etag(url)
    have = part.have() if etag else 0
    if have and have == size:
        return
    request = urllib.request.Request(url, headers={"User-Agent": "guise", "Accept-Encoding": "identity"})
    if have and etag:
        request.add_header("Range", f"bytes={have}-")
        request.add_header("If-Range", etag)
    with _open(request, part) as response:
        if response.status != 206:
            have = 0  # the whole file comes: the server ignores ranges, or the file has changed
            part.start(url, response.headers.get("ETag"))
        elif not (response.headers.get("Content-Range") or "").startswith(f"bytes {have}-"):
            part.discard()
            raise _TryAgainError("the server sends another part of the file than the one asked for")
        length = response.headers.get("Content-Length") or ""
        total = have + int(length) if length.isdecimal() else size
        if size not in (None, total):
            part.discard()
            raise WeightsError(f"{url} is not the expected file: it has {total} bytes, not {size}")
        _receive(response, part, have=have, total=total, progress=progress)


def _open(request: urllib.request.Request, part: Part) -> HTTPResponse:
    try:
        opener = urllib.request.build_opener(_HttpsRedirects)
        return cast(HTTPResponse, opener.open(request, timeout=_TIMEOUT))
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == 416:  # more is here than the server has
            part.discard()
        elif error.code not in _BUSY:
            raise WeightsError(f"the server refuses {request.full_url}: {error.code} {error.reason}") from None
        raise _TryAgainError(f"the server answers {error.code} {error.reason}") from None
    except (OSError, http.client.HTTPException) as error:
        raise _TryAgainError(str(getattr(error, "reason", error)) or type(error).__name__) from None


def _receive(
    response: HTTPResponse, part: Part, *, have: int, total: int | None, progress: BytesProgress | None
) -> None:
    with part.data.open("ab" if have else "wb") as file:
        while chunk := _read(response):
            have += len(chunk)
            if total is not None and have > total:
                raise WeightsError(f"{response.url} is not the expected file: it has more than {total} bytes")
            file.write(chunk)
            if progress:
                progress(have, total)
        file.flush()
        os.fsync(file.fileno())
    if total not in (None, have):
        raise _TryAgainError(f"the connection ended after {have} of {total} bytes")


def _read(response: HTTPResponse) -> bytes:
    try:
        return response.read(_CHUNK)
    except (OSError, http.client.HTTPException) as error:
        raise _TryAgainError(str(error) or type(error).__name__) from None
