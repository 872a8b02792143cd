"""Damaged photos are reported by one line of ours; what C libraries print about them is kept off the terminal."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from guise.models.errors import ImageError
from guise.models.files import read_photo, write_photo
from guise.models.files.photos import silence

STRIP_OFFSETS, STRIP_BYTE_COUNTS, JPEG_TABLES = 273, 279, 347

WITH_US = """
import sys
from pathlib import Path
from guise.models.errors import ImageError
from guise.models.files import read_photo
try:
    read_photo(Path(sys.argv[1]))
except ImageError as error:
    print(error, file=sys.stderr)
"""
WITHOUT_US = """
import sys
from PIL import Image
try:
    Image.open(sys.argv[1]).load()
except OSError as error:
    print(error, file=sys.stderr)
"""


def _encoded(kind: str, **options: object) -> bytearray:
    pixels = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, kind, **options)
    return bytearray(buffer.getvalue())


def _entry(data: bytearray, tag: int) -> int:
    """Where the 12 bytes of a TIFF's tag begin; the last 4 hold its value or the place of its values."""
    (directory,) = struct.unpack_from("<I", data, 4)
    (count,) = struct.unpack_from("<H", data, directory)
    places = (directory + 2 + 12 * index for index in range(count))
    return next(place for place in places if struct.unpack_from("<H", data, place) == (tag,))


def _spoilt_strip(compression: str) -> bytearray:
    """The first bytes of the compressed pixels are others."""
    data = _encoded("TIFF", compression=compression)
    (start,) = struct.unpack_from("<I", data, _entry(data, STRIP_OFFSETS) + 8)
    data[start : start + 2] = b"\x12\x34"
    return data


def _strip_beyond_the_end() -> bytearray:
    data = _encoded("TIFF", compression="tiff_lzw")
    struct.pack_into("<I", data, _entry(data, STRIP_OFFSETS) + 8, len(data) + 5000)
    return data


def _strip_too_short() -> bytearray:
    data = _encoded("TIFF", compression="packbits")
    struct.pack_into("<I", data, _entry(data, STRIP_BYTE_COUNTS) + 8, 100)
    return data


def _spoilt_jpeg_tables() -> bytearray:
    data = _encoded("TIFF", compression="jpeg")
    (tables,) = struct.unpack_from("<I", data, _entry(data, JPEG_TABLES) + 8)
    data[tables + 4 : tables + 40] = bytes(36)
    return data


CHATTY = {
    "deflate": (lambda: _spoilt_strip("tiff_adobe_deflate"), "ZIPDecode"),
    "lzw": (lambda: _spoilt_strip("tiff_lzw"), "Using code not yet in table"),
    "jpeg": (lambda: _spoilt_strip("jpeg"), "JPEGLib: Not a JPEG file"),
    "jpeg tables": (_spoilt_jpeg_tables, "Bogus JPEGTables field"),
    "offset": (_strip_beyond_the_end, "Read error on strip 0"),
    "short": (_strip_too_short, "Not enough data for scanline"),
}


def _stderr(program: str, path: Path) -> str:
    ran = subprocess.run([sys.executable, "-c", program, path], capture_output=True, text=True, check=True)
    assert ran.stdout == ""
    return ran.stderr


@pytest.mark.parametrize("name", CHATTY)
def test_of_a_damaged_tiff_our_line_alone_reaches_stderr(tmp_path: Path, name: str) -> None:
    make, words = CHATTY[name]
    (tmp_path / "a.tif").write_bytes(make())
    assert words in _stderr(WITHOUT_US, tmp_path / "a.tif")  # else this test would prove nothing
    with pytest.raises(ImageError) as caught:
        read_photo(tmp_path / "a.tif")
    assert _stderr(WITH_US, tmp_path / "a.tif") == f"{caught.value}\n"


def _garbled_scan() -> bytearray:
    data = _encoded("JPEG")
    start = data.index(b"\xff\xda") + 20
    data[start : start + 2000] = bytes(byte ^ 0x55 for byte in data[start : start + 2000])
    return data


def _garbage_between_markers() -> bytearray:
    data = _encoded("JPEG")
    return data[:20] + b"\0\0garbage" + data[20:]


@pytest.mark.parametrize("make", [_garbled_scan, _garbage_between_markers, lambda: _encoded("JPEG")[:3000]])
def test_of_a_damaged_jpeg_our_line_alone_reaches_stderr(tmp_path: Path, make: Callable[[], bytearray]) -> None:
    (tmp_path / "a.jpg").write_bytes(make())
    try:
        read_photo(tmp_path / "a.jpg")
        ours = ""  # libjpeg makes some pixels of it
    except ImageError as error:
        ours = f"{error}\n"
    assert _stderr(WITH_US, tmp_path / "a.jpg") == ours


def test_nothing_is_printed_while_a_copy_is_written(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.tif").write_bytes(_encoded("TIFF", tiffinfo={65000: "private", 270: "text"}))
    photo = read_photo(tmp_path / "a.tif")
    write_photo(tmp_path / "b.tif", photo, photo.pixels, keep_metadata=True)
    assert capfd.readouterr() == ("", "")


def _libtiff_speaks(capfd: pytest.CaptureFixture[str]) -> bool:
    capfd.readouterr()
    with pytest.raises(OSError), Image.open(BytesIO(_spoilt_strip("tiff_lzw"))) as image:
        image.load()
    return "Using code" in capfd.readouterr().err


def test_other_users_of_libtiff_hear_from_it_again(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert _libtiff_speaks(capfd)
    (tmp_path / "a.tif").write_bytes(_spoilt_strip("tiff_lzw"))
    with silence.quiet_libtiff():
        with pytest.raises(ImageError):
            read_photo(tmp_path / "a.tif")
        assert not _libtiff_speaks(capfd)  # the inner block's end is not the outer one's
    assert _libtiff_speaks(capfd)


def test_threads_stay_quiet_together_and_may_write_to_stderr(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.tif").write_bytes(_spoilt_strip("tiff_lzw"))

    def work() -> None:
        for _ in range(20):
            with pytest.raises(ImageError):
                read_photo(tmp_path / "a.tif")
            os.write(2, b".")

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert capfd.readouterr().err == 80 * "."
    assert _libtiff_speaks(capfd)


@pytest.mark.skipif(os.name != "posix", reason="closing a descriptor in the shell is a POSIX notion")
def test_a_closed_stderr_does_no_harm(tmp_path: Path) -> None:
    (tmp_path / "a.tif").write_bytes(_spoilt_strip("tiff_lzw"))
    program = WITH_US.replace("file=sys.stderr", "file=sys.stdout")
    command = ["sh", "-c", 'exec "$@" 2>&-', "sh", sys.executable, "-c", program, tmp_path / "a.tif"]
    ran = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    assert ran.stdout.startswith("cannot read ") and ran.stdout.count("\n") == 1
