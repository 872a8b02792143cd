"""What HEIC and AVIF hold besides their picture is said: gain maps, depth maps, mattes; and bits that AVIF loses."""

from __future__ import annotations

import struct
from io import BytesIO
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from guise.models.files import read_photo, write_photo
from guise.models.files.photos.containers import AUXILIARY_LOST, DEPTH_LOST, HDR_LOST
from guise.models.files.videos.library import pyav

PICTURE = Image.fromarray(np.arange(64 * 48 * 3, dtype=np.uint32).astype(np.uint8).reshape(48, 64, 3))


def encoded(kind: str) -> bytes:
    buffer = BytesIO()
    if kind == "heic":
        pillow_heif.from_pillow(PICTURE).save(buffer)
    else:
        PICTURE.save(buffer, "AVIF")
    return buffer.getvalue()


def with_property(data: bytes, body: bytes) -> bytes:
    """A file with one more `auxC` among its items' properties."""
    box = struct.pack(">I4s4x", len(body) + 13, b"auxC") + body + b"\0"
    result = bytearray(data)
    for name in (b"meta", b"iprp", b"ipco"):
        at = data.find(name) - 4
        (size,) = struct.unpack_from(">I", result, at)
        struct.pack_into(">I", result, at, size + len(box))
    end = at + size
    place = data.find(b"iloc") + 4
    assert data[place] == 0 and data[place + 4] == 0x44
    base = data[place + 5] >> 4
    (count,) = struct.unpack_from(">H", data, place + 6)
    place += 8
    for _ in range(count):  # of one extent each
        where = place + 4 if base else place + 6
        struct.pack_into(">I", result, where, struct.unpack_from(">I", data, where)[0] + len(box))
        place += 4 + base + 2 + 8
    return bytes(result[:end]) + box + bytes(result[end:])


@pytest.mark.parametrize("kind", ["heic", "avif"])
@pytest.mark.parametrize(
    ("urn", "note"),
    [
        (b"urn:com:apple:photo:2020:aux:hdrgainmap", HDR_LOST),
        (b"urn:mpeg:hevc:2015:auxid:2", DEPTH_LOST),
        (b"urn:mpeg:mpegB:cicp:systems:auxiliary:depth", DEPTH_LOST),
        (b"urn:com:apple:photo:2018:aux:portraiteffectsmatte", AUXILIARY_LOST),
        (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", None),
    ],
)
def test_what_further_pictures_are_for_is_said(tmp_path: Path, kind: str, urn: bytes, note: str | None) -> None:
    path = tmp_path / f"a.{kind}"
    path.write_bytes(with_property(encoded(kind), urn))
    photo = read_photo(path)
    assert photo.notes == (() if note is None else (note,))
    assert np.abs(photo.pixels.astype(int) - np.asarray(PICTURE)).mean() < 25
    write_photo(tmp_path / f"b.{kind}", photo, photo.pixels)
    assert urn not in (tmp_path / f"b.{kind}").read_bytes()
    assert read_photo(tmp_path / f"b.{kind}").notes == ()


@pytest.mark.parametrize(("bits", "layout"), [(8, "yuv420p"), (10, "yuv420p10le")])
def test_bits_that_an_avif_loses_are_said(tmp_path: Path, bits: int, layout: str) -> None:
    """Neither Pillow nor pillow-heif writes AVIF of more than 8 bits."""
    av = pyav()  # SVT-AV1 asks only once whether it is to be quiet
    with av.open(str(tmp_path / "a.avif"), "w", format="avif") as file:
        stream = file.add_stream("libsvtav1", rate=1)
        stream.width, stream.height, stream.pix_fmt = 128, 96, layout
        frame = av.VideoFrame.from_image(PICTURE.resize((128, 96))).reformat(format=layout)
        file.mux([*stream.encode(frame), *stream.encode(None)])
    photo = read_photo(tmp_path / "a.avif")
    assert photo.notes == (() if bits == 8 else ("10-bit samples reduced to 8",)) and photo.lower is None
    write_photo(tmp_path / "b.avif", photo, photo.pixels)
    copy = (tmp_path / "b.avif").read_bytes()
    assert copy[copy.find(b"pixi") + 9] == 8 and read_photo(tmp_path / "b.avif").notes == ()
