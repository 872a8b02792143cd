"""HEIC of 10 and 12 bits a sample: copies have as many."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pillow_heif
import pytest

from guise.models.errors import ImageError
from guise.models.files import Photo, as_saved, read_photo, write_photo, written_and_read
from guise.models.files.photos.deep.heic import encode_heic

HDR = {"color_primaries": 9, "transfer_characteristics": 16, "matrix_coefficients": 9, "full_range_flag": 1}
KINDS = {"grey": "I;16", "rgb": "RGB;16", "rgba": "RGBA;16"}


def original(path: Path, kind: str, bits: int, **options: object) -> np.ndarray:
    """Write a smooth picture; uint16 (H, W, C), as a decoder gives it back."""
    y, x = np.mgrid[0:96, 0:128]
    colour = np.stack([x * 400 + y * 20, y * 500 + x * 30, (x + y) * 250], axis=-1)
    if kind == "grey":
        colour = colour[..., :1]
    elif kind == "rgba":
        colour = np.dstack([colour, np.where(x < 16, 0, 65_535)])
    data = colour.astype(np.uint16).tobytes()
    pillow_heif.from_bytes(KINDS[kind], (128, 96), data).save(path, quality=90, bit_depth=bits, chroma=444, **options)
    return decoded(path)


def decoded(path: Path) -> np.ndarray:
    heif = pillow_heif.open_heif(path, convert_hdr_to_8bit=False)
    return np.asarray(heif).reshape(heif.size[1], heif.size[0], -1).copy()


def lighter(photo: Photo) -> np.ndarray:
    pixels = photo.pixels.astype(int)
    pixels[32:64, 48:96] += 12
    return np.clip(pixels, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("bits", [10, 12])
def test_a_copy_has_as_many_bits(tmp_path: Path, kind: str, bits: int) -> None:
    levels = original(tmp_path / "a.heic", kind, bits)
    photo = read_photo(tmp_path / "a.heic")
    assert not photo.notes and photo.single_channel == (kind == "grey")
    colours = min(levels.shape[2], 3)
    shown = np.ones((96, 128), bool) if photo.alpha is None else photo.alpha > 0
    assert np.array_equal(photo.pixels[shown][:, :colours], levels[shown][:, :colours] >> 8)
    assert not photo.pixels[~shown].any()
    write_photo(tmp_path / "b.heic", photo, lighter(photo))
    copy = decoded(tmp_path / "b.heic")
    assert pillow_heif.open_heif(tmp_path / "b.heic").info["bit_depth"] == bits
    assert copy.shape == levels.shape and len(np.unique(copy[..., 0])) > 256  # more levels than 8 bits have
    shown[:, 16:20] = False  # where the edge of what is hidden blurs
    added = (copy.astype(int) - levels)[..., :colours] / 256
    lit = np.zeros((96, 128), bool)
    lit[34:62, 50:94] = True
    assert abs(added[shown & lit].mean() - 12) < 0.5
    lit[28:68, 44:100] = True
    assert abs(added[shown & ~lit]).mean() < 1
    assert read_photo(tmp_path / "b.heic").lower is not None


def test_a_copy_is_nearer_than_one_of_8_bits(tmp_path: Path) -> None:
    levels = original(tmp_path / "a.heic", "grey", 10)
    photo = read_photo(tmp_path / "a.heic")
    write_photo(tmp_path / "b.heic", photo, photo.pixels)
    off = abs(decoded(tmp_path / "b.heic").astype(int) - levels).mean()
    reduced = abs((levels >> 8 << 8).astype(int) - levels).mean()  # the least that 8 bits lose
    assert off < reduced


def test_what_is_foreseen_of_a_copy_is_what_is_read(tmp_path: Path) -> None:
    original(tmp_path / "a.heic", "rgb", 10)
    photo = read_photo(tmp_path / "a.heic")
    write_photo(tmp_path / "b.heic", photo, lighter(photo))
    read = read_photo(tmp_path / "b.heic").pixels
    assert np.array_equal(written_and_read(tmp_path / "b.heic", photo, lighter(photo)), read)
    assert abs(as_saved(photo, lighter(photo)).astype(int) - read).mean() < 1.5


def test_hdr_stays_hdr(tmp_path: Path) -> None:
    original(tmp_path / "a.heic", "rgb", 10, **HDR)
    photo = read_photo(tmp_path / "a.heic")
    write_photo(tmp_path / "b.heic", photo, photo.pixels)
    told = pillow_heif.open_heif(tmp_path / "b.heic").info["nclx_profile"]
    assert {name: told[name] for name in HDR} == HDR


def test_the_same_picture_gives_the_same_bytes(tmp_path: Path) -> None:
    original(tmp_path / "a.heic", "rgb", 10)
    photo = read_photo(tmp_path / "a.heic")
    for name in ("b", "c"):
        write_photo(tmp_path / name, photo, photo.pixels)
    assert (tmp_path / "b").read_bytes() == (tmp_path / "c").read_bytes()


def test_a_depth_map_or_second_picture_is_not_the_photo(tmp_path: Path) -> None:
    levels = original(tmp_path / "a.heic", "rgb", 10)
    heif = pillow_heif.from_bytes("RGB", (64, 48), bytes(64 * 48 * 3))
    second = heif.add_frombytes("RGB;16", (128, 96), levels.tobytes())
    heif.save(buffer := BytesIO(), primary_index=1, bit_depth=10, quality=90)
    assert second.size == (128, 96)
    (tmp_path / "two.heic").write_bytes(buffer.getvalue())
    photo = read_photo(tmp_path / "two.heic")
    assert photo.pixels.shape == (96, 128, 3) and photo.lower is not None
    assert photo.notes == ("its second picture is left out",)


def test_several_pictures_are_refused() -> None:
    levels = np.zeros((8, 8, 3), np.uint16)
    with pytest.raises(ImageError, match="several frames cannot be written"):
        encode_heic([levels, levels], {})
