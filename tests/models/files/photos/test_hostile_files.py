"""Broken and hostile files of all formats: each is read and written again, or refused in one line.

The fast test breaks some hundreds of files; `-m slow` breaks 10,000.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401 - registers with Pillow
import pytest
from PIL import Image
from PIL.ExifTags import IFD, Base

from guise.models.errors import ImageError, OutputError
from guise.models.files import read_photo, write_photo
from guise.models.files.photos.deep.png import encode_png
from guise.models.files.photos.formats import FORMATS
from tests.broken import broken
from tests.models.files.photos.deep.test_tiff import LAYOUTS, noise, save
from tests.models.files.photos.test_live import maker_notes
from tests.models.files.photos.test_metadata import SRGB

pytestmark = pytest.mark.filterwarnings("ignore")  # decoders warn of damage


def sound_files() -> list[bytes]:
    """Small files of all formats: still and moving, grey and with transparency, with tags, profile and trailer."""
    y, x = np.mgrid[0:40, 0:56]
    noise = np.random.default_rng(0).integers(0, 40, (40, 56))
    colour = Image.fromarray(np.stack([x * 4, y * 5, (x + y + noise) * 2], axis=-1).astype(np.uint8))
    clear = colour.copy()
    clear.putalpha(Image.fromarray((x * 4).astype(np.uint8)))
    exif = Image.Exif()
    exif[271], exif[274], exif[282], exif[283] = "Acme", 6, 300.0, 300.0
    files = []
    for kind, format_ in FORMATS.items():
        for picture in [colour, colour.convert("L"), *([clear] if format_.alpha and not format_.palette else [])]:
            tags = {"exif": exif.tobytes()} if format_.exif and kind != "TIFF" else {}
            profile = {"icc_profile": SRGB} if format_.icc and picture.mode != "L" else {}
            moving = {"save_all": True, "append_images": [picture.rotate(180)]} if format_.frames else {}
            for options in ({}, tags | profile, moving):
                if kind == "HEIC":
                    pillow_heif.from_pillow(picture).save(buffer := BytesIO(), **{**tags, **profile})
                else:
                    picture.save(buffer := BytesIO(), kind, **options)
                files.append(buffer.getvalue())
    colour.save(buffer := BytesIO(), "JPEG", progressive=True)
    files += [buffer.getvalue(), buffer.getvalue() + b"\0\0\0\x18ftypmp42" + bytes(99)]
    return files + files_of_phones(colour) + deep_files()


def files_of_phones(picture: Image.Image) -> list[bytes]:
    """Several pictures in a JPEG, a gain map's words, a camera's notes, a depth map's and other second pictures."""
    exif = Image.Exif()
    exif[IFD.Exif] = {Base.MakerNote: maker_notes("6F1C9F1E-2A54-4F4E-9E57-0A4D3C2B1A00")}
    files = []
    for options in (
        {"format": "MPO", "save_all": True, "append_images": [picture.rotate(180), picture.resize((8, 8))]},
        {"format": "JPEG", "exif": exif, "xmp": b'<x xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"/>'},
    ):
        picture.save(buffer := BytesIO(), **options)
        files.append(buffer.getvalue())
    heif = pillow_heif.from_pillow(picture)
    heif.add_from_pillow(picture.rotate(180))
    heif.save(buffer := BytesIO(), exif=exif.tobytes())
    return [*files, buffer.getvalue()]


def deep_files() -> list[bytes]:
    """Files of more than 8 bits a sample."""
    files = []
    for channels, mode in ((1, "I;16"), (3, "RGB;16"), (4, "RGBA;16")):
        samples = noise(channels)
        files.append(encode_png((samples >> 8).astype(np.uint8), (samples & 255).astype(np.uint8), []))
        for layout, options in LAYOUTS.items():
            if channels > 1 or "planes" not in layout:
                save(buffer := BytesIO(), samples, **options)
                files.append(buffer.getvalue())
        for bits in (10, 12):
            pillow_heif.from_bytes(mode, (60, 40), samples.tobytes()).save(buffer := BytesIO(), bit_depth=bits)
            files.append(buffer.getvalue())
    return files


def check(data: bytes, folder: Path) -> bool:
    """Whether a file is read; then a copy of it opens again."""
    source, copy = folder / "original", folder / "copy"
    source.write_bytes(data)
    try:
        photo = read_photo(source)
    except ImageError as error:
        assert str(error).startswith("cannot read ") and "\n" not in str(error)
        return False
    assert source.read_bytes() == data
    pixels = [frame.pixels for frame in photo.frames] or photo.pixels
    try:
        write_photo(copy, photo, pixels, keep_metadata=True)
    except (ImageError, OutputError) as error:
        assert "\n" not in str(error)
        return True
    again = read_photo(copy)
    assert again.pixels.shape == photo.pixels.shape
    return True


def run(count: int, seed: int, folder: Path) -> float:
    """The share of broken files that are read all the same."""
    files = sound_files()
    return float(np.mean([check(data, folder) for data in broken(files, count, seed)]))


def test_sound_files_are_all_read(tmp_path: Path) -> None:
    assert all(check(data, tmp_path) for data in sound_files())


def test_some_hundred_broken_files_are_read_or_refused(tmp_path: Path) -> None:
    assert 0.05 < run(250, 0, tmp_path) < 0.95


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_ten_thousand_broken_files_are_read_or_refused(tmp_path: Path) -> None:
    assert 0.05 < run(10_000, 1, tmp_path) < 0.95
