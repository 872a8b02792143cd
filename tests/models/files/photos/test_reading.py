import os
import struct
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile

from guise.models.errors import ImageError
from guise.models.files import read_photo
from guise.models.files.photos import decoding, reading

KINDS = ["JPEG", "PNG", "WEBP", "TIFF", "BMP"]


def _bytes(kind: str, height: int = 40, width: int = 50, **options: object) -> bytes:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def _refuse(tmp_path: Path, data: bytes, match: str, name: str = "a.jpg") -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ImageError, match=match) as caught:
        read_photo(tmp_path / name)
    message = str(caught.value)
    assert message.startswith("cannot read ")
    assert "\n" not in message


@pytest.mark.parametrize(
    ("data", "match"),
    [
        (b"", "is empty"),
        (b"Dear diary, today", "no known image format"),
        (b"\0" * 1000, "no known image format"),
        (b"%PDF-1.7", "no known image format"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "damaged"),
        (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf", "damaged"),
        (b"\0\0\0\x18ftypmif1\0\0\0\0avifmif1", "damaged"),
        (b"\0\0\0\x18ftypmsf1\0\0\0\0avismsf1", "damaged"),
        (b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000 is not read; JPEG, PNG, WebP, TIFF, BMP, GIF, HEIC, AVIF, JPEG"),
        (b"8BPS\0\1", "PSD is not read"),
        (b"II*\0\x10\0\0\0CR\2\0", "camera raw is not read"),
        (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "camera raw is not read"),
        (b"FUJIFILMCCD-RAW 0201", "camera raw is not read"),
        (b"\0\0\0\x14ftypisom\0\0\0\0mp41", "no known image format"),
        (b"\x89PNG\r\n\x1a\n", "damaged"),
        (b"\xff\xd8\xff", "damaged"),
        (b"RIFF\0\0\0\0WEBP", "damaged"),
        (b"RIFF\0\0\0\0WEBPVP8X", "damaged"),
        (b"BM", "damaged"),
        (b"II*\0\xff\xff\xff\xff", "damaged"),
        (b"GIF89a", "damaged"),
    ],
)
def test_what_is_no_readable_image_is_refused_with_one_line(tmp_path: Path, data: bytes, match: str) -> None:
    _refuse(tmp_path, data, match)
    _refuse(tmp_path, data, match, name="two\nlines.jpg")


@pytest.mark.parametrize("kind", KINDS)
def test_a_file_cut_short_is_refused_or_whole(tmp_path: Path, kind: str) -> None:
    data = _bytes(kind)
    (tmp_path / "a").write_bytes(data)
    whole = read_photo(tmp_path / "a").pixels
    refused = 0
    for cut in [*range(0, len(data), 97), *range(len(data) - 20, len(data))]:
        (tmp_path / "a").write_bytes(data[:cut])
        try:
            np.testing.assert_array_equal(read_photo(tmp_path / "a").pixels, whole)
        except ImageError:
            refused += 1
    assert refused >= len(data) // 97


def test_a_program_that_lets_truncated_images_through_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ImageFile, "LOAD_TRUNCATED_IMAGES", True)
    _refuse(tmp_path, _bytes("JPEG")[:2000], "LOAD_TRUNCATED_IMAGES is on")


@settings(max_examples=80, deadline=None)
@given(st.sampled_from(KINDS), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), max_size=8))
def test_damaged_bytes_never_raise_anything_but_an_image_error(
    tmp_path_factory: pytest.TempPathFactory, kind: str, changes: list[tuple[float, int]]
) -> None:
    data = bytearray(_bytes(kind, 8, 9))
    for place, value in changes:
        data[int(place**3 * (len(data) - 1))] = value  # headers more often than pixels
    path = tmp_path_factory.mktemp("fuzz") / "a"
    path.write_bytes(data)
    try:
        assert read_photo(path).pixels.dtype == np.uint8
    except ImageError as error:
        assert str(error).startswith("cannot read")


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _one_bit_png(side: int) -> bytes:
    packer = zlib.compressobj(9)
    row = bytes(1 + (side + 7) // 8)
    packed = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + _chunk(b"IDAT", packed) + _chunk(b"IEND", b"")


def _huge_jpeg() -> bytes:
    data = bytearray(_bytes("JPEG"))
    frame = data.index(b"\xff\xc0")
    data[frame + 5 : frame + 9] = struct.pack(">HH", 20_000, 20_000)
    return bytes(data)


def _huge_webp() -> bytes:
    side = (16_384 - 1).to_bytes(3, "little")
    return b"RIFF" + struct.pack("<I", 22) + b"WEBPVP8X" + struct.pack("<I", 10) + bytes(4) + side + side


def _huge_tiff() -> bytes:
    tags = [(256, 20_000), (257, 20_000), (258, 8), (259, 1), (262, 1), (273, 8), (277, 1), (278, 20_000)]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in [*tags, (279, 8)])
    return b"II*\0" + struct.pack("<IH", 8, len(tags) + 1) + entries + bytes(4)


def _huge_bmp() -> bytes:
    data = bytearray(_bytes("BMP"))
    data[18:26] = struct.pack("<ii", 20_000, 20_000)
    return bytes(data)


def _huge_gif() -> bytes:
    data = bytearray(_bytes("GIF"))
    data[6:10] = struct.pack("<HH", 20_000, 20_000)
    return bytes(data)


@pytest.mark.parametrize(
    "make",
    [lambda: _one_bit_png(20_000), _huge_jpeg, _huge_webp, _huge_tiff, _huge_bmp, _huge_gif],
    ids=["png", "jpeg", "webp", "tiff", "bmp", "gif"],
)
def test_a_bomb_is_refused_by_its_header_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[], bytes]
) -> None:
    def decode(_: object) -> None:
        raise AssertionError("a bomb was decoded")

    monkeypatch.setattr(ImageFile.ImageFile, "load", decode)
    _refuse(tmp_path, make(), r"\d+x\d+, \d+ megapixels, the limit is 200")


def test_the_limit_itself_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MAX_PIXELS", 2000)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)  # other packages' settings play no part
    (tmp_path / "a").write_bytes(_bytes("PNG", 40, 50))
    assert read_photo(tmp_path / "a").pixels.shape == (40, 50, 3)
    (tmp_path / "a").write_bytes(_bytes("PNG", 40, 51))
    with pytest.raises(ImageError, match=r"51x40, 0 megapixels"):
        read_photo(tmp_path / "a")


def test_a_file_too_long_is_refused_unread(tmp_path: Path) -> None:
    with (tmp_path / "a.jpg").open("wb") as file:
        file.truncate(reading.MAX_BYTES + 1)
    with pytest.raises(ImageError, match="MiB, the limit is 1024"):
        read_photo(tmp_path / "a.jpg")


def test_many_frames_are_counted_as_their_pixels_before_decoding(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "MAX_PIXELS", 5000)
    more = [Image.new("RGB", (50, 40), colour) for colour in ("red", "blue")]
    for kind in ("GIF", "WEBP", "PNG"):
        _refuse(tmp_path, _bytes(kind, save_all=True, append_images=more), "50x40 in 3 frames, 0 megapixels")
    _refuse(tmp_path, _bytes("TIFF", save_all=True, append_images=more), "its 3 pictures have more than 0 megapixels")


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_blocks": 3}], ids=str)
def test_a_jpeg_that_lacks_its_end_marker_only_is_read(tmp_path: Path, options: dict[str, object]) -> None:
    data = _bytes("JPEG", 61, 77, **options)
    (tmp_path / "a").write_bytes(data)
    whole = read_photo(tmp_path / "a")
    assert whole.notes == ()
    for cut in (1, 2):
        (tmp_path / "a").write_bytes(data[:-cut])
        photo = read_photo(tmp_path / "a")
        np.testing.assert_array_equal(photo.pixels, whole.pixels)
        assert photo.notes == ("its end marker is missing, and nothing else; a copy has one",)
    scans = [at for at in range(len(data) - 1) if data[at : at + 2] == b"\xff\xda"]
    for end in (len(data) - 12, len(data) * 4 // 5, *scans[1:]):  # a whole scan may be missing
        _refuse(tmp_path, data[:end], "cut short|damaged")


def test_a_tiff_of_camera_raw_samples_is_refused_by_its_tag_and_by_its_name(tmp_path: Path) -> None:
    _refuse(tmp_path, _bytes("TIFF", tiffinfo={50706: b"\1\4\0\0"}), "DNG is not read")
    _refuse(tmp_path, _bytes("TIFF"), "camera raw is not read", name="a.NEF")
    _refuse(tmp_path, b"not what it is called", "JPEG 2000 is not read", name="a.jp2")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_pipes_devices_and_folders_are_refused_without_waiting(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    for path in (tmp_path / "pipe.jpg", Path("/dev/zero")):
        with pytest.raises(ImageError, match="pipe, socket or device"):
            read_photo(path)
    with pytest.raises(ImageError, match="it is a folder"):
        read_photo(tmp_path)


def test_missing_and_forbidden_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ImageError, match="No such file"):
        read_photo(tmp_path / "missing.jpg")
    (tmp_path / "loop.jpg").symlink_to("loop.jpg")
    with pytest.raises(ImageError, match="symbolic links"):
        read_photo(tmp_path / "loop.jpg")
    (tmp_path / "a.jpg").write_bytes(_bytes("JPEG"))

    def forbid(*_: object) -> int:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "open", forbid)
    with pytest.raises(ImageError, match="Permission denied"):
        read_photo(tmp_path / "a.jpg")
