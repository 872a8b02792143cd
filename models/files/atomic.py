"""A file is written whole or not at all, whatever stops the program."""

import errno
import os
import re
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from guise.models.errors import OutputError
from guise.models.files.names import printable

_STALE = re.compile(r"\..*\.([0-9a-f]{8})\.guise-tmp", re.DOTALL)
_MAX_NAME_BYTES = 255

_REMEDIES = {
    errno.ENOSPC: "free some space there or choose another folder",
    errno.EDQUOT: "free some space there or choose another folder",
    errno.EROFS: "choose a folder that may be written to",
    errno.EACCES: "choose a folder that may be written to",
    errno.EPERM: "choose a folder that may be written to",
    errno.ENAMETOOLONG: "give it a shorter name",
}


@dataclass(frozen=True)
class Attributes:
    """What a system knows of a file besides its content.

    Attributes:
        mode: permission bits.
        modified: time of the last change, in nanoseconds since 1970.
    """

    mode: int
    modified: int

    def put_on(self, path: Path) -> None:
        """Give a file these attributes, as far as its file system has them.

        Args:
            path: the file.
        """
        with suppress(OSError):
            path.chmod(self.mode & 0o777)
        with suppress(OSError):
            os.utime(path, ns=(self.modified, self.modified))


def write_error(path: Path, error: OSError) -> OutputError:
    """The error to raise when the system refuses to write a file.

    Args:
        path: the file.
        error: what the system said.

    Returns:
        An error with a single line: which file, why, and what to do.
    """
    reason = error.strerror or type(error).__name__
    remedy = _REMEDIES.get(error.errno or 0, "check that folder or choose another one")
    return OutputError(f"cannot write {printable(path)}: {reason}; {remedy}")


@contextmanager
def atomic_write(path: Path, *, mode: int = 0o666, attributes: Attributes | None = None) -> Iterator[BinaryIO]:
    """Write a file that appears under its name only once it is complete and on the disk.

    Missing folders are made. A link at `path` is replaced; the file that it leads to stays as it is.

    Guarantees:
        * When something ends the block early, `path` is as it was and the temporary file is gone. After a
          SIGKILL or a power cut the temporary file may stay; `remove_stale` deletes it.
        * Readers see the old file or the whole new one.

    Args:
        path: the file to write.
        mode: permission bits, such as `0o600`, without those that the umask takes away.
        attributes: that the file gets instead, before it appears.

    Yields:
        A binary file to write to. The block should do nothing else that can raise `OSError`.

    Raises:
        OutputError: the file cannot be written (disk full, read-only, no permission, ...).
    """
    with _replacing(path, mode, attributes) as (file, _):
        yield file


@contextmanager
def atomic_path(path: Path, *, mode: int = 0o666, attributes: Attributes | None = None) -> Iterator[Path]:
    """The same for libraries that open a file by its name.

    Args:
        path: as of `atomic_write`.
        mode: as of `atomic_write`.
        attributes: as of `atomic_write`.

    Yields:
        The name of an empty file to write over.

    Raises:
        OutputError: as `atomic_write`.
    """
    with _replacing(path, mode, attributes) as (_, temporary):
        yield temporary


@contextmanager
def _replacing(path: Path, mode: int, attributes: Attributes | None) -> Iterator[tuple[BinaryIO, Path]]:
    temporary = path.with_name(_temporary_name(path.name, secrets.token_hex(4)))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with _create(temporary, mode) as file:
                yield file, temporary
                file.flush()
                os.fsync(file.fileno())
            if attributes is not None:
                attributes.put_on(temporary)
            os.replace(temporary, path)  # noqa: PTH105 (the tests make this very call fail)
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        raise write_error(path, error) from error
    sync_folder(path.parent)


def check_writable(folder: Path) -> None:
    """Fail now, and not after long work, where nothing could be written.

    Args:
        folder: the folder to write to, present or not.

    Raises:
        OutputError: the folder, or the nearest one above it that exists, may not be written to.
    """
    nearest = folder
    while not nearest.exists() and nearest != nearest.parent:
        nearest = nearest.parent
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise OutputError(f"cannot write to {printable(nearest)}: choose a folder that may be written to")


def sync_folder(folder: Path) -> None:
    """Put a folder's new names on the disk, on systems that can.

    Args:
        folder: the folder.
    """
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def remove_stale(place: Path) -> tuple[Path, ...]:
    """Delete the temporary files that killed runs have left.

    Do not call this while another program writes there: its unfinished files would go too.

    Args:
        place: an OUTPUT folder, which is searched with all folders below it, or a single output file.

    Returns:
        What was deleted; empty where there is no such place.

    Raises:
        OutputError: such a file cannot be deleted.
    """
    removed = []
    for path in _stale_below(place) if place.is_dir() else _stale_of(place):
        try:
            path.unlink()
        except OSError as error:
            raise write_error(path, error) from error
        removed.append(path)
    return tuple(removed)


def _stale_below(folder: Path) -> list[Path]:
    return [
        Path(parent, name) for parent, _, names in os.walk(folder) for name in sorted(filter(_STALE.fullmatch, names))
    ]


def _stale_of(file: Path) -> list[Path]:
    neighbours = sorted(file.parent.iterdir()) if file.parent.is_dir() else []
    matches = ((path, _STALE.fullmatch(path.name)) for path in neighbours)
    return [path for path, match in matches if match and path.name == _temporary_name(file.name, match[1])]


def _temporary_name(name: str, tag: str) -> str:
    ending = f".{tag}.guise-tmp"
    kept = os.fsencode(name)[: _MAX_NAME_BYTES - 1 - len(ending)]
    return "." + kept.decode(sys.getfilesystemencoding(), "ignore") + ending


def _create(path: Path, mode: int) -> BinaryIO:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags, mode), "wb")
