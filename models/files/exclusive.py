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
from guise.models.places import cache_folder


@contextmanager
def only_one(path: Path, *, remedy: str = "name another `key=`") -> Iterator[None]:
    """Hold `path`, present or not, against other runs of this program by the same user.

    The lock is a file in the cache, so that no stray file lies next to `path`.

    Args:
        path: the file or folder that one run may use at a time.
        remedy: what else a person can do when another run holds it, in words that follow "or".

    Raises:
        OutputError: another run holds it.
    """
    name = hashlib.sha256(os.fsencode(os.path.realpath(path))).hexdigest()[:16]
    lock = cache_folder() / "locks" / f"{name}.lock"
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
