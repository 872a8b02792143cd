"""Large photos: their pixels lie on the disk, and turning and copying them takes no second copy in memory."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from PIL.ExifTags import Base

from guise.models.files import read_photo
from guise.models.files.photos import room, samples


@pytest.fixture
def all_large(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (room, samples):
        monkeypatch.setattr(module, "LARGE", 1)


def _on_disk(array: np.ndarray) -> bool:
    owner = array
    while isinstance(owner, np.ndarray) and owner.base is not None:
        owner = owner.base
    return not isinstance(owner, np.ndarray)


def test_room_for_small_pictures_is_memory_and_for_large_ones_the_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "LARGE", 300)
    small, large = room.room_for((9, 9, 3)), room.room_for((10, 10, 3))
    assert not _on_disk(small) and _on_disk(large)
    assert not large.any() and large.flags.writeable


@pytest.mark.usefixtures("all_large")
def test_what_is_put_down_stays_as_it_is() -> None:
    pixels = room.room_for((40, 30, 3))
    pixels[...] = np.random.default_rng(0).integers(0, 256, pixels.shape)
    before = np.array(pixels)
    copy = room.copied(pixels)
    room.put_down(pixels, copy[3:], before)
    assert np.array_equal(pixels, before) and np.array_equal(copy, before)
    copy[...] = 0
    assert np.array_equal(pixels, before)


@pytest.mark.usefixtures("all_large")
def test_a_full_disk_is_no_obstacle(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(room.os, "posix_fallocate", full)
    pixels = room.room_for((4, 4, 3))
    pixels[...] = 7
    assert not _on_disk(pixels)


@pytest.mark.usefixtures("all_large")
@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_large_photos_are_turned_like_small_ones(tmp_path: Path, kind: str, orientation: int) -> None:
    noise = np.random.default_rng(orientation).integers(0, 256, (700, 90, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[Base.Orientation] = orientation
    Image.fromarray(noise).save(tmp_path / "a", kind, exif=exif)
    with Image.open(tmp_path / "a") as image:
        expected = np.asarray(ImageOps.exif_transpose(image))
    assert np.array_equal(read_photo(tmp_path / "a").pixels, expected)
