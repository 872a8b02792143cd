"""Photos that are dropped on the page, in a private folder that goes when the session ends."""

from __future__ import annotations

import errno
import filecmp
import hashlib
import shutil
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path, PurePosixPath

from anyio import to_thread

from guise.cli.app.refusal import RefusedError
from guise.cli.app.settings import Limits

_BUFFER = 2**20
_DEEPEST = 32


class Uploads:
    """The dropped photos.

    Attributes:
        folder: with the photos, in the tree in which they were dropped.
        photos: how many there are.
        size: bytes of all.
    """

    def __init__(self, place: Path, limits: Limits) -> None:
        """Make the folders.

        Args:
            place: a private folder.
            limits: on number and size.
        """
        self.folder, self._incoming, self._limits = place / "photos", place / "incoming", limits
        self._numbers = count()
        self.clear()

    def clear(self) -> None:
        """Delete all photos."""
        for folder in (self.folder, self._incoming):
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(mode=0o700)
        self.photos = self.size = self._coming = 0
        self._cleared = object()  # what was still coming does not count any more

    async def receive(self, name: str, chunks: AsyncIterator[bytes]) -> None:
        """Take in one file as it comes, never whole in memory.

        Args:
            name: its path in what was dropped, with slashes.
            chunks: its bytes.

        Raises:
            RefusedError: the name leads elsewhere, a limit is reached, the disk is full, or all photos were deleted
                meanwhile. Nothing is kept.
        """
        path = safe_path(name)
        if self.photos + self._coming >= self._limits.photos:
            raise RefusedError("too-many", 413, most=self._limits.photos)
        part, cleared = self._incoming / str(next(self._numbers)), self._cleared
        self._coming += 1
        length = 0
        try:
            with part.open("xb") as file:
                buffer = bytearray()
                async for chunk in chunks:
                    self._check(cleared)
                    buffer += chunk
                    length += len(chunk)
                    self.size += len(chunk)
                    if length > self._limits.file_bytes:
                        raise RefusedError("too-large", 413, name=name, most=self._limits.file_bytes)
                    if self.size > self._limits.total_bytes:
                        raise RefusedError("too-much", 413, most=self._limits.total_bytes)
                    if len(buffer) >= _BUFFER:
                        await to_thread.run_sync(file.write, bytes(buffer))
                        buffer.clear()
                await to_thread.run_sync(file.write, bytes(buffer))
            again = await to_thread.run_sync(self._is_there, part, path)
            self._check(cleared)
            if again:
                self.size -= length
            else:
                self._place(part, path)
                self.photos += 1
        except OSError as error:
            self._check(cleared)
            self.size -= length
            code = "disk-full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else "bad-name"
            raise RefusedError(code, 507 if code == "disk-full" else 400, name=name) from None
        except BaseException:
            self.size -= length if cleared is self._cleared else 0
            raise
        finally:
            self._coming -= cleared is self._cleared
            part.unlink(missing_ok=True)

    def digest(self) -> str:
        """Tell a set of photos from another one by names and sizes, without reading them.

        Returns:
            Hexadecimal SHA-256.
        """
        files = sorted(path for path in self.folder.rglob("*") if path.is_file())
        told = [f"{path.relative_to(self.folder)}\0{path.stat().st_size}\n" for path in files]
        return hashlib.sha256("".join(told).encode(errors="surrogateescape")).hexdigest()

    def _check(self, cleared: object) -> None:
        if cleared is not self._cleared:
            raise RefusedError("not-now", 409)

    def _is_there(self, part: Path, path: PurePosixPath) -> bool:
        """Whether the same file was dropped before, under this name or the one that it got then."""
        places = (target for target in self._names(path) if target.is_file())
        return any(filecmp.cmp(part, target, shallow=False) for target in places)

    def _names(self, path: PurePosixPath) -> Iterator[Path]:
        """The names that a file may get, up to the first that is free."""
        for number in count(1):
            target = self.folder / path
            target = target if number == 1 else target.with_name(f"{path.stem}-{number}{path.suffix}")
            yield target
            if not target.exists():
                return

    def _place(self, part: Path, path: PurePosixPath) -> None:
        """Move a file to its name, or to one like it where that is taken."""
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        *_, target = self._names(path)
        part.replace(target)


def safe_path(name: str) -> PurePosixPath:
    """Check the name that a browser gave a file.

    Args:
        name: with slashes between folders.

    Returns:
        A path below the folder it is joined to.

    Raises:
        RefusedError: it is absolute, leads upwards, or is no name.
    """
    parts = name.split("/")
    wrong = any(part in ("", ".", "..") or "\\" in part or "\0" in part for part in parts)
    if wrong or len(parts) > _DEEPEST or PurePosixPath(name).is_absolute() or ":" in parts[0]:
        raise RefusedError("bad-name", name=name)
    return PurePosixPath(name)
