"""Photos as they are dropped: twice, in two windows, while others are removed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from guise.cli.app.refusal import RefusedError
from guise.cli.app.settings import Limits
from guise.cli.app.tabs.uploads import Uploads


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


@pytest.fixture
def uploads(tmp_path: Path) -> Uploads:
    return Uploads(tmp_path, Limits(photos=5, file_bytes=100, total_bytes=300))


def drop(uploads: Uploads, name: str, *parts: bytes) -> None:
    asyncio.run(uploads.receive(name, chunks(*parts)))


def names(uploads: Uploads) -> list[str]:
    return sorted(str(path.relative_to(uploads.folder)) for path in uploads.folder.rglob("*") if path.is_file())


def test_the_same_folder_dropped_twice_counts_once(uploads: Uploads) -> None:
    for _ in range(2):
        drop(uploads, "trip/a.jpg", b"one", b"photo")
        drop(uploads, "trip/b.jpg", b"another")
    assert names(uploads) == ["trip/a.jpg", "trip/b.jpg"] and (uploads.photos, uploads.size) == (2, 15)


def test_other_photos_of_the_same_name_are_kept_side_by_side(uploads: Uploads) -> None:
    for content in (b"one", b"two", b"one", b"two", b"six"):
        drop(uploads, "a.jpg", content)
    assert names(uploads) == ["a-2.jpg", "a-3.jpg", "a.jpg"] and (uploads.photos, uploads.size) == (3, 9)


def test_photos_that_come_while_all_are_removed_leave_nothing(uploads: Uploads) -> None:
    drop(uploads, "a.jpg", b"old")

    async def removed() -> AsyncIterator[bytes]:
        yield b"first"
        uploads.clear()  # in another window
        yield b"second"

    with pytest.raises(RefusedError, match="not-now"):
        asyncio.run(uploads.receive("b.jpg", removed()))

    async def removed_at_the_end() -> AsyncIterator[bytes]:
        yield b"first"
        uploads.clear()

    with pytest.raises(RefusedError, match="not-now"):
        asyncio.run(uploads.receive("b.jpg", removed_at_the_end()))
    assert names(uploads) == [] and (uploads.photos, uploads.size) == (0, 0)
    for number in range(5):  # all places are free
        drop(uploads, f"{number}.jpg", b"new")
    assert (uploads.photos, uploads.size) == (5, 15)
    with pytest.raises(RefusedError, match="too-many"):
        drop(uploads, "more.jpg", b"new")
