"""JPEG XL: headers are read before anything is decoded, and pictures come out as a viewer shows them."""

from __future__ import annotations

import sys
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps
from PIL.ExifTags import Base

from guise.models.errors import ImageError
from guise.models.files import read_photo, write_photo
from guise.models.files.photos.deep.jxl import _in_srgb, beside_jxl, encode_jxl
from guise.models.files.photos.deep.jxl_header import JxlHeader, jxl_header
from tests.models.files.photos.test_metadata import SRGB

pillow_jxl = pytest.importorskip("pillow_jxl")

PIXELS = np.random.default_rng(0).integers(0, 255, (48, 64, 3)).astype(np.uint8)
LOSSLESS = encode_jxl(Image.fromarray(PIXELS), {"lossless": True, "effort": 4})
USUAL_SRGB = "1"
DISPLAY_P3 = "0" + "0" + "00" + "10" + "011001" + "0" + "011101" + "10"  # D65, P3 (11), the curve of sRGB (13)


def _relabelled(*, orientation: int = 1, animated: bool = False, colours: str = USUAL_SRGB) -> bytes:
    """`LOSSLESS` with other metadata in its header (ISO/IEC 18181-1, table D.1), whose end is padded to a byte."""
    bits = "".join(f"{byte:08b}"[::-1] for byte in LOSSLESS[2:5])
    size, usual = bits[:9], bits[9:22]
    assert usual == "0" + "0" + "000" + "1" + "00" + "0" + USUAL_SRGB + "00" + "1"
    turn = f"{orientation - 1:03b}"[::-1]
    # All usual or not, more fields or not, which follow; depth, buffers, channels, XYB, colours, tones, extensions.
    header = size + "0" + "1" + turn + "00" + f"{animated:d}" + "000" + "1" + "00" + "0" + colours + "1" + "00" + "1"
    header += "0" * (-len(header) % 8)
    packed = bytes(int(header[at : at + 8][::-1], 2) for at in range(0, len(header), 8))
    return LOSSLESS[:2] + packed + LOSSLESS[5:]


def _boxed(*, mode: str = "RGB", exif: bytes | None = None, packed: bool = False, jpeg: bytes | None = None) -> bytes:
    encoder = pillow_jxl.Encoder(
        mode=mode,
        lossless=False,
        quality=90,
        decoding_speed=0,
        effort=4,
        use_container=True,
        use_original_profile=False,
        num_threads=1,
    )
    if jpeg is not None:
        return bytes(encoder(jpeg, 64, 48, jpeg_encode=True))
    samples = Image.fromarray(PIXELS).convert(mode).tobytes()
    about = {"exif": exif, "jumb": None, "xmp": None, "compress": packed}
    return bytes(encoder(samples, 64, 48, jpeg_encode=False, **about))


def _tags(orientation: int) -> bytes:
    tags = Image.Exif()
    tags[Base.Make], tags[Base.Orientation] = "Acme", orientation
    return tags.tobytes().removeprefix(b"Exif\0\0")


@pytest.mark.parametrize("size", [(64, 48), (8, 8), (233, 200), (1600, 900), (700, 9000)])
@pytest.mark.parametrize("lossless", [False, True])
@pytest.mark.parametrize("mode", ["L", "RGB", "RGBA"])
def test_the_header_says_what_the_decoder_finds(size: tuple[int, int], lossless: bool, mode: str) -> None:
    image = Image.new(mode, size)
    data = encode_jxl(image, {"lossless": lossless, "quality": 80, "effort": 1})
    assert jxl_header(data) == JxlHeader(size, False, 8, lossless)


def test_a_large_picture_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    size = "0" + "11" + f"{99_999:030b}"[::-1] + "001"[::-1]  # 100,000 rows, as wide as high
    bits = size + "1" * 8
    bits += "0" * (-len(bits) % 8)
    data = b"\xff\x0a" + bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))
    (tmp_path / "a.jxl").write_bytes(data + bytes(100))
    with pytest.raises(ImageError, match="100000x100000, 10000 megapixels, the limit is 200"):
        read_photo(tmp_path / "a.jxl")


@pytest.mark.parametrize("orientation", range(1, 9))
def test_its_own_orientation_holds_and_not_that_of_exif(tmp_path: Path, orientation: int) -> None:
    (tmp_path / "a.jxl").write_bytes(_relabelled(orientation=orientation))
    tags = Image.Exif()
    tags[Base.Orientation] = orientation
    stored = Image.fromarray(PIXELS)
    stored.info["exif"] = tags.tobytes()
    assert np.array_equal(read_photo(tmp_path / "a.jxl").pixels, np.asarray(ImageOps.exif_transpose(stored)))
    (tmp_path / "b.jxl").write_bytes(_boxed(exif=_tags(6)))
    photo = read_photo(tmp_path / "b.jxl")
    assert photo.pixels.shape == PIXELS.shape and photo.exif is not None and b"Acme" in photo.exif


def test_a_jpeg_that_it_wraps_is_read_as_that_jpeg(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[Base.Orientation] = 6
    Image.fromarray(PIXELS).save(buffer := BytesIO(), "JPEG", quality=80, exif=exif, xmp=b"<x/>", comment=b"mine")
    (tmp_path / "a.jpg").write_bytes(buffer.getvalue())
    (tmp_path / "a.jxl").write_bytes(_boxed(jpeg=buffer.getvalue()))
    wrapped, plain = read_photo(tmp_path / "a.jxl"), read_photo(tmp_path / "a.jpg")
    assert np.array_equal(wrapped.pixels, plain.pixels) and wrapped.pixels.shape == (64, 48, 3)
    assert (
        wrapped.format == "JXL" and not wrapped.lossless and wrapped.left_out == plain.left_out == ("XMP", "comments")
    )
    write_photo(tmp_path / "b.jxl", wrapped, wrapped.pixels)
    assert read_photo(tmp_path / "b.jxl").pixels.shape == (64, 48, 3)


def test_a_wrapped_jpeg_of_other_colours_is_turned_upright_too(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[Base.Orientation] = 6
    linear = SRGB.replace(b"sRGB", b"mine", 1)
    tag = linear.index(b"curv", 400) if b"curv" in linear[400:] else linear.index(b"para", 400)
    flat = linear[:tag] + b"curv" + bytes(8) + linear[tag + 12 :]  # no points: a straight line
    Image.fromarray(PIXELS).save(buffer := BytesIO(), "JPEG", quality=90, exif=exif, icc_profile=flat)
    (tmp_path / "a.jxl").write_bytes(_boxed(jpeg=buffer.getvalue()))
    photo = read_photo(tmp_path / "a.jxl")
    assert photo.pixels.shape == (64, 48, 3) and "turned into sRGB" in photo.notes[0]


def test_a_profile_that_cannot_be_used_is_said() -> None:
    """No encoder at hand writes one."""
    image = _in_srgb(Image.fromarray(PIXELS), b"no profile" * 20)
    assert np.array_equal(image, PIXELS)
    assert beside_jxl(image.info) == (["its colour profile cannot be used; left out"], [])


def test_other_colours_are_turned_into_srgb_and_said(tmp_path: Path) -> None:
    (tmp_path / "a.jxl").write_bytes(_relabelled(colours=DISPLAY_P3))
    (tmp_path / "b.jxl").write_bytes(LOSSLESS)
    wide, plain = read_photo(tmp_path / "a.jxl"), read_photo(tmp_path / "b.jxl")
    assert wide.notes == ("its colours are turned into sRGB; those beyond it come out paler",) and plain.notes == ()
    assert np.array_equal(plain.pixels, PIXELS)
    # P3's red is beyond sRGB's, so what is stored as the same numbers is more colourful.
    saturation = [np.ptp(pixels.astype(int), axis=2).mean() for pixels in (wide.pixels, plain.pixels)]
    assert saturation[0] > saturation[1] + 5
    grey = np.abs(np.diff(PIXELS.astype(int), axis=2)).max(2) < 3
    assert np.abs(wide.pixels.astype(int) - PIXELS)[grey].max() < 8


def test_a_lossless_one_stays_so_and_a_lossy_one_about_as_large(tmp_path: Path) -> None:
    (tmp_path / "a.jxl").write_bytes(LOSSLESS)
    photo = read_photo(tmp_path / "a.jxl")
    changed = 255 - photo.pixels
    write_photo(tmp_path / "b.jxl", photo, changed)
    write_photo(tmp_path / "c.jxl", photo, changed)
    assert np.array_equal(read_photo(tmp_path / "b.jxl").pixels, changed)
    assert (tmp_path / "b.jxl").read_bytes() == (tmp_path / "c.jxl").read_bytes()
    y, x = np.mgrid[0:300, 0:400]
    smooth = np.stack([x / 2, y / 2, 128 + 100 * np.sin(x * y / 5000)], axis=-1).astype(np.uint8)
    for quality in (60, 90):
        data = encode_jxl(Image.fromarray(smooth), {"quality": quality, "effort": 7})
        (tmp_path / "d.jxl").write_bytes(data)
        lossy = read_photo(tmp_path / "d.jxl")
        write_photo(tmp_path / "e.jxl", lossy, lossy.pixels)
        assert not lossy.lossless and (tmp_path / "e.jxl").stat().st_size < 1.3 * len(data)


def test_what_is_not_read_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jxl"
    path.write_bytes(_relabelled(animated=True))
    with pytest.raises(ImageError, match="several frames is not read; save them one by one"):
        read_photo(path)
    path.write_bytes(_boxed(exif=_tags(1), packed=True))
    assert read_photo(path).left_out == ("EXIF",)
    for cut in (3, 6, len(LOSSLESS) - 9):
        path.write_bytes(LOSSLESS[:cut])
        with pytest.raises(ImageError, match="damaged"):
            read_photo(path)
    monkeypatch.setitem(sys.modules, "pillow_jxl", None)
    path.write_bytes(LOSSLESS)
    with pytest.raises(ImageError, match=r'JPEG XL is read with a plugin: run `pip install "guise\[jxl\]"`'):
        read_photo(path)
