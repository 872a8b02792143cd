"""One process at a time."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from guise.models.errors import OutputError
from guise.models.files.atomic import write_error
from guise.models.files.names import printable
from guise.models.weights import cache


@contextmanager
def only_one(path: Path, *, remedy: str = "name another --key") -> Iterator[None]:
    """Hold `path`, present or not, against other runs of this program by the same user.

    The lock is a file in the cache, so that nothing lies about beside `path`.

    Raises:
        OutputError: another run holds it.
    """
    name = hashlib.sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:16]
    lock = cache.folder() / "locks" / f"{name}.lock"
    held = FileLock(lock, timeout=0)
    try:
        lock.parent.mkdir(parents=True, exist_ok=True)
        held.acquire()
    except Timeout:
        raise OutputError(f"another run uses {printable(path)}: wait until it is done, or {remedy}") from None
    except OSError as error:
        raise write_error(lock, error) from error
    try:
        yield
    finally:
        held.release()
