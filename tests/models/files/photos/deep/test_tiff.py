"""TIFFs of 16 bits a sample: copies have as many, and what is not changed stays to the bit.

tifffile, which shares nothing with our reader and our writer, makes the originals and reads the copies.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pytest
import tifffile
from PIL import Image
from PIL.ExifTags import Base

from guise.models.files import Photo, read_photo, write_photo
from tests.models.files.photos.test_metadata import SRGB, STORED_FROM_UPRIGHT

CHANNELS = {"grey": 1, "rgb": 3, "rgba": 4}
LAYOUTS: dict[str, dict[str, Any]] = {
    "plain": {},
    "deflate": {"compression": "zlib", "predictor": True},
    "strips": {"rowsperstrip": 7},
    "tiles": {"tile": (32, 32)},
    "big-endian": {"byteorder": ">"},
    "big-endian deflate": {"byteorder": ">", "compression": "zlib"},
    "BigTIFF": {"bigtiff": True},
    "big-endian BigTIFF": {"bigtiff": True, "byteorder": ">", "rowsperstrip": 7},
    "planes": {"planarconfig": "separate"},
    "big-endian planes": {"planarconfig": "separate", "byteorder": ">"},
}


def noise(channels: int) -> np.ndarray:
    samples = np.random.default_rng(channels).integers(0, 65_536, (40, 60, channels), dtype=np.uint16)
    if channels == 4:
        samples[:9, :, 3] = 0
    return samples


def save(target: Path | BinaryIO, samples: np.ndarray, **options: Any) -> None:
    if options.get("planarconfig") == "separate":
        samples = samples.transpose(2, 0, 1)
    elif samples.shape[-1] == 1:
        samples = samples[..., 0]
    extra = {"extrasamples": ["unassalpha"]} if 4 in samples.shape else {}
    options = {"photometric": "minisblack" if samples.ndim == 2 else "rgb", "metadata": None} | extra | options
    tifffile.imwrite(target, samples, **options)


def levels(path: Path) -> np.ndarray:
    """uint16 (H, W, C), read by tifffile."""
    read = tifffile.imread(path)
    return read[..., None] if read.ndim == 2 else read


def changed(photo: Photo) -> np.ndarray:
    """Its pixels, seven levels lighter in one place."""
    pixels = photo.pixels.copy()
    pixels[20:30, 20:40] = np.clip(pixels[20:30, 20:40].astype(int) + 7, 0, 255)
    return pixels


@pytest.mark.parametrize(
    ("kind", "layout"),
    [(kind, layout) for kind in CHANNELS for layout in LAYOUTS if kind != "grey" or "planes" not in layout],
)
def test_a_copy_has_16_bits_and_goes_back_to_the_bit(tmp_path: Path, kind: str, layout: str) -> None:
    samples = noise(CHANNELS[kind])
    save(tmp_path / "a.tif", samples, **LAYOUTS[layout])
    photo = read_photo(tmp_path / "a.tif")
    assert not photo.notes and photo.lossless and photo.single_channel == (kind == "grey")
    visible = samples[..., 3] > 255 if kind == "rgba" else np.ones((40, 60), bool)
    colours = min(CHANNELS[kind], 3)
    expected = np.where(visible[..., None], samples[..., :colours] >> 8, 0)
    assert np.array_equal(photo.pixels, np.broadcast_to(expected, (40, 60, 3)))
    write_photo(tmp_path / "b.tif", photo, changed(photo))
    copy = levels(tmp_path / "b.tif")
    assert copy.dtype == np.uint16 and copy.shape == samples.shape
    same = visible.copy()
    same[20:30, 20:40] = False
    assert np.array_equal(copy[same], samples[same])
    added = copy[20:30, 20:40, :colours].astype(int) - samples[20:30, 20:40, :colours]
    fits = (samples[20:30, 20:40, :colours] < 248 * 256) & visible[20:30, 20:40, None]
    assert set(added[fits]) == {7 * 256}
    assert kind != "rgba" or not copy[:9].any()
    write_photo(tmp_path / "c.tif", read_photo(tmp_path / "b.tif"), photo.pixels)
    assert np.array_equal(levels(tmp_path / "c.tif")[visible], samples[visible])


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_turned_ones_are_turned_in_all_their_bits(tmp_path: Path, orientation: int, compression: str | None) -> None:
    upright = noise(3)
    stored = np.ascontiguousarray(STORED_FROM_UPRIGHT[orientation](upright))
    save(tmp_path / "a.tif", stored, compression=compression, extratags=[(274, 3, 1, orientation, True)])
    photo = read_photo(tmp_path / "a.tif")
    write_photo(tmp_path / "b.tif", photo, photo.pixels)
    assert np.array_equal(levels(tmp_path / "b.tif"), upright)


def test_white_may_be_zero(tmp_path: Path) -> None:
    samples = noise(1)
    save(tmp_path / "a.tif", samples, photometric="miniswhite")
    photo = read_photo(tmp_path / "a.tif")
    write_photo(tmp_path / "b.tif", photo, photo.pixels)
    assert np.array_equal(levels(tmp_path / "b.tif"), 65_535 - samples) and not photo.notes


def test_profile_density_and_tags_are_those_of_the_original(tmp_path: Path) -> None:
    save(tmp_path / "a.tif", noise(3), iccprofile=SRGB, resolution=(240, 120), resolutionunit=2, software="Acme")
    with Image.open(tmp_path / "a.tif") as image:
        assert image.getexif()[Base.Software] == "Acme"
    photo = read_photo(tmp_path / "a.tif")
    for keep in (False, True):
        write_photo(tmp_path / "b.tif", photo, photo.pixels, keep_metadata=keep)
        again = read_photo(tmp_path / "b.tif")
        assert again.icc_profile == SRGB and again.shown.density == photo.shown.density
        assert again.shown.density is not None and again.shown.density.per("inch") == (240, 120)
        with Image.open(tmp_path / "b.tif") as image:
            assert (image.getexif().get(Base.Software) == "Acme") == keep


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_what_a_copy_reduces_is_said(tmp_path: Path, compression: str | None) -> None:
    samples = noise(3)
    with tifffile.TiffWriter(tmp_path / "pages.tif") as file:
        for page in (samples, samples[::-1]):
            file.write(page, photometric="rgb", compression=compression, metadata=None)
    save(tmp_path / "premultiplied.tif", noise(4), compression=compression, extrasamples=["assocalpha"])
    for name in ("pages", "premultiplied"):
        photo = read_photo(tmp_path / f"{name}.tif")
        assert photo.notes == ("16-bit samples reduced to 8",) and photo.lower is None
    assert np.array_equal(read_photo(tmp_path / "pages.tif").pixels, samples >> 8)


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_pages_of_planes_are_read_as_they_are(tmp_path: Path, compression: str | None) -> None:
    samples = noise(3)
    with tifffile.TiffWriter(tmp_path / "a.tif") as file:
        for page in (samples, samples[::-1]):
            planes = page.transpose(2, 0, 1)
            file.write(planes, photometric="rgb", planarconfig="separate", compression=compression, metadata=None)
    first, second = read_photo(tmp_path / "a.tif").frames
    assert np.array_equal(first.pixels, samples >> 8) and np.array_equal(second.pixels, samples[::-1] >> 8)
