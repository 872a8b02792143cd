"""PNGs of 16 bits a sample: copies have as many, and what is not changed stays to the bit."""

from __future__ import annotations

import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms
from PIL.ExifTags import Base

from guise.models.files import read_photo, write_photo
from guise.models.files.photos.containers import png_chunks
from guise.models.files.photos.deep.png import chunk, encode_png

CHANNELS = {"grey": 1, "rgb": 3, "rgba": 4}


def samples_of(path: Path) -> np.ndarray:
    """uint16 (H, W, C), decoded by the specification alone; filters 0 and 2 only, which our files have."""
    data = path.read_bytes()
    width, height = (int.from_bytes(data[at : at + 4], "big") for at in (16, 20))
    assert data[24] == 16
    channels = {0: 1, 2: 3, 4: 2, 6: 4}[data[25]]
    body, at = b"", 8
    while at < len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        body += data[at + 8 : at + 8 + length] if kind == b"IDAT" else b""
        at += 12 + length
    rows = np.frombuffer(zlib.decompress(body), np.uint8).reshape(height, -1)
    assert set(rows[:, 0]) <= {0, 2}
    bytes_ = rows[:, 1:].copy()
    for row in range(1, height):
        if rows[row, 0] == 2:
            bytes_[row] += bytes_[row - 1]
    return bytes_.reshape(height, width, channels, 2).astype(np.uint16) @ np.array([256, 1], np.uint16)


def deep(path: Path, channels: int, *, orientation: int = 1) -> np.ndarray:
    """Write a picture of noise and give its samples."""
    samples = np.random.default_rng(channels).integers(0, 65_536, (40, 60, channels), dtype=np.uint16)
    if channels == 4:
        samples[:9, :, 3] = 0
    exif = Image.Exif()
    exif[Base.Orientation] = orientation
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    chunks = [(b"pHYs", (23_622).to_bytes(4, "big") * 2 + b"\1"), (b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))]
    if channels > 1:
        chunks.insert(0, (b"iCCP", b"any\0\0" + zlib.compress(profile)))
    upper, lower = (samples >> 8).astype(np.uint8), (samples & 255).astype(np.uint8)
    path.write_bytes(encode_png(upper, lower, chunks))
    return samples


@pytest.mark.parametrize("kind", CHANNELS)
def test_a_copy_has_16_bits_and_what_is_not_changed_stays(tmp_path: Path, kind: str) -> None:
    samples = deep(tmp_path / "a.png", CHANNELS[kind])
    photo = read_photo(tmp_path / "a.png")
    assert not photo.notes and photo.lossless
    changed = photo.pixels.copy()
    area = changed[20:30, 20:40]
    area[...] = np.clip(area.astype(int) + 7, 0, 255)
    write_photo(tmp_path / "b.png", photo, changed)
    copy = samples_of(tmp_path / "b.png")
    visible = samples[..., 3:] > 255 if kind == "rgba" else np.ones((40, 60, 1), bool)
    same = np.broadcast_to(visible, samples.shape).copy()
    same[20:30, 20:40] = False
    assert copy.shape == samples.shape and np.array_equal(copy[same], samples[same])
    colours = min(CHANNELS[kind], 3)
    added = copy[20:30, 20:40, :colours].astype(int) - samples[20:30, 20:40, :colours]
    fits = (samples[20:30, 20:40, :colours] < 248 * 256) & visible[20:30, 20:40]
    assert set(added[fits]) == {7 * 256}
    if kind == "rgba":
        assert not copy[:9, :, :3].any()
    chunks = dict(png_chunks((tmp_path / "b.png").read_bytes()))
    assert chunks[b"pHYs"] == (23_622).to_bytes(4, "big") * 2 + b"\1"
    assert read_photo(tmp_path / "b.png").icc_profile == photo.icc_profile
    # Back again, to the bit.
    write_photo(tmp_path / "c.png", read_photo(tmp_path / "b.png"), photo.pixels)
    assert np.array_equal(samples_of(tmp_path / "c.png")[visible[..., 0]], samples[visible[..., 0]])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_turned_ones_are_turned_in_all_their_bits(tmp_path: Path, orientation: int) -> None:
    samples = deep(tmp_path / "a.png", 3, orientation=orientation)
    photo = read_photo(tmp_path / "a.png")
    write_photo(tmp_path / "b.png", photo, photo.pixels)
    if orientation >= 5:
        samples = samples.transpose(1, 0, 2)
    if orientation in (3, 4, 7, 8):
        samples = samples[::-1]
    if orientation in (2, 3, 6, 7):
        samples = samples[:, ::-1]
    assert np.array_equal(samples_of(tmp_path / "b.png"), samples)


def test_a_chunk_is_what_the_specification_says() -> None:
    assert chunk(b"IEND", b"") == bytes.fromhex("0000000049454e44ae426082")
