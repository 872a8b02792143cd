import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from guise.models.errors import ImageError
from guise.models.files import read_photo, write_photo


def _ramp() -> np.ndarray:
    return np.linspace(0, 65_535, 600).round().astype(np.uint16).reshape(20, 30)


def _png(path: Path, samples: np.ndarray, *, colour: int, transparent: bytes = b"") -> None:
    """A 16-bit PNG, of kinds that Pillow does not write."""
    import zlib

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    height, width = samples.shape[:2]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in samples)
    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, colour, 0, 0, 0))]
    parts += [chunk(b"tRNS", transparent)] if transparent else []
    parts += [chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))


@pytest.mark.parametrize("suffix", [".png", ".tif"])
def test_16_bit_grey_keeps_its_high_bits(tmp_path: Path, suffix: str) -> None:
    Image.fromarray(_ramp()).save(tmp_path / f"a{suffix}")
    photo = read_photo(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(photo.pixels, np.repeat((_ramp() >> 8)[..., None], 3, axis=2))
    assert photo.notes == ()  # a copy keeps them
    assert photo.grey
    write_photo(tmp_path / f"b{suffix}", photo, photo.pixels)
    again = read_photo(tmp_path / f"b{suffix}")
    np.testing.assert_array_equal(again.pixels, photo.pixels)
    assert again.notes == ()


def test_16_bit_grey_with_white_at_zero_is_not_read_as_a_negative(tmp_path: Path) -> None:
    Image.fromarray(_ramp()).save(tmp_path / "a.tif", tiffinfo={262: 0})
    np.testing.assert_array_equal(read_photo(tmp_path / "a.tif").pixels[..., 0], (65_535 - _ramp()) >> 8)


def test_16_bit_colour_and_alpha_keep_their_high_bits(tmp_path: Path) -> None:
    samples = np.stack([_ramp(), _ramp()[::-1], _ramp().T.reshape(20, 30), _ramp()[:, ::-1]], axis=-1)
    high = (samples >> 8).astype(np.uint8)
    for colour, channels in ((2, [0, 1, 2]), (6, [0, 1, 2, 3]), (4, [0, 3])):
        _png(tmp_path / "a.png", samples[..., channels], colour=colour)
        photo = read_photo(tmp_path / "a.png")
        assert photo.notes == (("16-bit samples reduced to 8",) if colour == 4 else ())
        assert photo.grey == photo.single_channel == (colour == 4)
        expected = high[..., [0, 0, 0] if colour == 4 else [0, 1, 2]]
        if colour != 2:
            expected = np.where(high[..., 3:] > 0, expected, 0)
        np.testing.assert_array_equal(photo.pixels, expected)
        if colour == 2:
            assert photo.alpha is None
        else:
            np.testing.assert_array_equal(photo.alpha, high[..., 3])
        write_photo(tmp_path / "b.png", photo, photo.pixels)
        again = read_photo(tmp_path / "b.png")
        np.testing.assert_array_equal(again.pixels, photo.pixels)
        assert again.grey == photo.grey


def test_16_bit_transparent_colours_are_transparent(tmp_path: Path) -> None:
    grey = np.full((4, 5), 0x8001, np.uint16)
    grey[1, 2] = 0x1234
    _png(tmp_path / "a.png", grey, colour=0, transparent=b"\x12\x34")
    expected = np.full((4, 5), 255)
    expected[1, 2] = 0
    np.testing.assert_array_equal(read_photo(tmp_path / "a.png").alpha, expected)
    _png(tmp_path / "b.png", np.stack([grey] * 3, axis=-1), colour=2, transparent=b"\x12\x34" * 3)
    np.testing.assert_array_equal(read_photo(tmp_path / "b.png").alpha, expected)


def test_16_bit_colour_tiff_keeps_its_high_bits(tmp_path: Path) -> None:
    width, height = 30, 20
    pixels = np.stack([_ramp()] * 3, axis=-1)
    tags = [(256, width), (257, height), (258, 0), (259, 1), (262, 2), (273, 0), (277, 3), (278, height)]
    start = 8 + 2 + 12 * 9 + 4
    values = dict(tags) | {273: start + 6, 279: pixels.nbytes}
    entries = b"".join(
        struct.pack("<HHII", tag, 3, 3, start) if tag == 258 else struct.pack("<HHII", tag, 4, 1, value)
        for tag, value in sorted(values.items())
    )
    head = b"II*\0" + struct.pack("<IH", 8, 9) + entries + bytes(4) + struct.pack("<HHH", 16, 16, 16)
    (tmp_path / "a.tif").write_bytes(head + pixels.astype("<u2").tobytes())
    photo = read_photo(tmp_path / "a.tif")
    np.testing.assert_array_equal(photo.pixels, pixels >> 8)
    assert photo.notes == ()


def test_one_bit_becomes_8_bit_grey(tmp_path: Path) -> None:
    bits = np.random.default_rng(0).integers(0, 2, (9, 11)).astype(bool)
    for suffix in (".png", ".tif", ".bmp"):
        Image.fromarray(bits).save(tmp_path / f"a{suffix}")
        photo = read_photo(tmp_path / f"a{suffix}")
        np.testing.assert_array_equal(photo.pixels[..., 1], bits * 255)
        assert photo.grey
        assert "1-bit" in photo.notes[0]


@pytest.mark.parametrize("suffix", [".png", ".tif", ".bmp"])
def test_palette_becomes_rgb(tmp_path: Path, suffix: str) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 11, 3), dtype=np.uint8)).quantize(16)
    image.save(tmp_path / f"a{suffix}")
    photo = read_photo(tmp_path / f"a{suffix}")
    np.testing.assert_array_equal(photo.pixels, np.asarray(image.convert("RGB")))
    assert not photo.grey
    assert "palette" in photo.notes[0]
    write_photo(tmp_path / f"b{suffix}", photo, photo.pixels)
    with Image.open(tmp_path / f"b{suffix}") as copy:
        assert copy.mode == "RGB"


def test_palette_with_transparency_becomes_rgba(tmp_path: Path) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (9, 11, 3), dtype=np.uint8)).quantize(4)
    for transparency in (2, bytes([0, 80, 160, 255])):
        image.save(tmp_path / "a.png", transparency=transparency)
        photo = read_photo(tmp_path / "a.png")
        levels = np.array([255, 255, 0, 255] if transparency == 2 else list(transparency))
        np.testing.assert_array_equal(photo.alpha, levels[np.asarray(image)])
        write_photo(tmp_path / "b.png", photo, photo.pixels)
        again = read_photo(tmp_path / "b.png")
        np.testing.assert_array_equal(again.alpha, photo.alpha)
        assert again.notes == ()


@pytest.mark.parametrize(("mode", "key"), [("L", 7), ("RGB", (7, 7, 7))])
def test_a_transparent_colour_becomes_alpha(tmp_path: Path, mode: str, key: object) -> None:
    image = Image.new(mode, (5, 4), "white")
    image.putpixel((2, 1), key)
    image.save(tmp_path / "a.png", transparency=key)
    photo = read_photo(tmp_path / "a.png")
    expected = np.full((4, 5), 255)
    expected[1, 2] = 0
    np.testing.assert_array_equal(photo.alpha, expected)
    assert photo.grey and photo.single_channel == (mode == "L")


def test_bmp_with_transparency_is_written_back_as_png(tmp_path: Path) -> None:
    masks = struct.pack("<4I", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    head = struct.pack("<IiiHHIIiiII", 108, 2, 1, 1, 32, 3, 8, 0, 0, 0, 0) + masks + bytes(52)
    body = bytes([1, 2, 3, 4, 5, 6, 7, 8])
    (tmp_path / "a.bmp").write_bytes(struct.pack("<2sIII", b"BM", 130, 0, 14 + len(head)) + head + body)
    photo = read_photo(tmp_path / "a.bmp")
    np.testing.assert_array_equal(photo.pixels, [[[3, 2, 1], [7, 6, 5]]])
    np.testing.assert_array_equal(photo.alpha, [[4, 8]])
    assert photo.format == "PNG"
    assert "written back as PNG" in photo.notes[0]


def _cyan_only_profile() -> bytes:
    """A CMYK profile in which cyan ink alone darkens, to grey: no usual conversion does that."""
    grid = b"".join(bytes([0 if cyan else 255, 128, 128]) for cyan in (0, 1) for _ in range(8))
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0])
    table += b"".join(struct.pack(">i", 65_536 * (row == column)) for row in range(3) for column in range(3))
    table += bytes(range(256)) * 4 + grid + bytes(range(256)) * 3
    head = b"lcms" + struct.pack(">I", 0x02100000) + b"prtrCMYKLab " + bytes(12) + b"acsp" + bytes(28)
    head += struct.pack(">iii", 63_190, 65_536, 54_061) + bytes(48)
    body = head + struct.pack(">I", 1) + b"A2B0" + struct.pack(">II", 144, len(table)) + table
    return struct.pack(">I", len(body) + 4) + body


@pytest.mark.parametrize("suffix", [".jpg", ".tif"])
def test_cmyk_is_converted_through_its_profile(tmp_path: Path, suffix: str) -> None:
    inks = Image.new("CMYK", (16, 16), (0, 255, 255, 255))  # black to anyone without the profile
    inks.save(tmp_path / f"a{suffix}", icc_profile=_cyan_only_profile())
    photo = read_photo(tmp_path / f"a{suffix}")
    assert photo.pixels.min() > 250
    assert photo.icc_profile is None
    assert photo.notes == ("CMYK converted to RGB through its colour profile",)
    write_photo(tmp_path / f"b{suffix}", photo, photo.pixels)
    with Image.open(tmp_path / f"b{suffix}") as copy:
        assert copy.mode == "RGB"
        assert "icc_profile" not in copy.info


@pytest.mark.parametrize(
    "profile",
    [
        None,
        b"broken",
        _cyan_only_profile()[:200],
        ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
    ],
)
def test_cmyk_without_a_usable_profile_is_converted_and_noted(tmp_path: Path, profile: bytes | None) -> None:
    inks = Image.new("CMYK", (16, 16), (0, 255, 255, 0))
    inks.save(tmp_path / "a.jpg", icc_profile=profile)
    photo = read_photo(tmp_path / "a.jpg")
    assert np.abs(photo.pixels.astype(int) - [255, 0, 0]).max() < 12
    assert photo.icc_profile is None
    assert photo.notes[0] == "CMYK without a usable colour profile converted to RGB: colours may shift"


@pytest.mark.parametrize("mode", ["F", "I", "LAB"])
def test_samples_without_a_defined_range_are_refused(tmp_path: Path, mode: str) -> None:
    Image.new(mode, (4, 4)).save(tmp_path / "a.tif")
    with pytest.raises(ImageError, match=f"its samples \\({mode}\\) are not read; convert it to 8-bit RGB"):
        read_photo(tmp_path / "a.tif")
