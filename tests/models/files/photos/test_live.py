"""A live photo's note claims no more than still and video tell."""

from __future__ import annotations

import struct
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image
from PIL.ExifTags import IFD, Base

from guise.models.files import read_photo
from guise.models.files.photos.live import maker_identifier, video_identifier
from tests.videos import build_video, waves

ONE, OTHER = "6F1C9F1E-2A54-4F4E-9E57-0A4D3C2B1A00", "00000000-2A54-4F4E-9E57-0A4D3C2B1A00"
KEY = "com.apple.quicktime.content.identifier"


def maker_notes(identifier: str, order: str = ">") -> bytes:
    """As an Apple camera writes them: a few numbers, then the identifier."""
    head = b"Apple iOS\0\0\1" + (b"MM" if order == ">" else b"II")
    text = identifier.encode() + b"\0"
    tags = [(1, 9, 1, 14), (4, 9, 1, 1), (0x11, 2, len(text), len(head) + 2 + 12 * 3 + 4)]
    return (
        head
        + struct.pack(f"{order}H", 3)
        + b"".join(struct.pack(f"{order}HHII", *tag) for tag in tags)
        + bytes(4)
        + text
    )


def still(path: Path, identifier: str | None) -> None:
    exif = Image.Exif()
    exif[Base.Make] = "Apple"
    if identifier is not None:
        exif[IFD.Exif] = {Base.MakerNote: maker_notes(identifier)}
    image = Image.new("RGB", (64, 48), "teal")
    if path.suffix == ".heic":
        pillow_heif.from_pillow(image).save(path, exif=exif.tobytes())
    else:
        image.save(path, exif=exif)


def box(kind: bytes, body: bytes) -> bytes:
    return (len(body) + 8).to_bytes(4, "big") + kind + body


def quicktime(path: Path, identifier: str) -> None:
    """As a phone writes it: `meta` has no version, and other keys come first."""
    names = [b"com.apple.quicktime.make", KEY.encode()]
    keys = bytes(4) + len(names).to_bytes(4, "big") + b"".join(box(b"mdta", name) for name in names)
    values = [b"Apple", identifier.encode()]
    data = [box(b"data", bytes([0, 0, 0, 1, 0, 0, 0, 0]) + value) for value in values]
    listed = b"".join(box(number.to_bytes(4, "big"), body) for number, body in enumerate(data, 1))
    handler = box(b"hdlr", bytes(8) + b"mdta" + bytes(12))
    meta = box(b"meta", handler + box(b"keys", keys) + box(b"ilst", listed))
    wide = b"\0\0\0\1mdat" + (16 + 100).to_bytes(8, "big") + bytes(100)
    path.write_bytes(box(b"ftyp", b"qt  \0\0\0\0qt  ") + wide + box(b"moov", box(b"mvhd", bytes(100)) + meta))


def ffmpegs(path: Path, identifier: str | None) -> None:
    """As FFmpeg writes it: `meta` has a version."""
    told = {} if identifier is None else {KEY: identifier}
    build_video(path, waves(2), sound=False, metadata=told, container={"movflags": "use_metadata_tags"})


@pytest.mark.parametrize("suffix", [".jpg", ".heic"])
@pytest.mark.parametrize("build", [quicktime, ffmpegs])
def test_the_video_of_a_live_photo_is_named(tmp_path: Path, suffix: str, build: Callable[[Path, str], None]) -> None:
    still(tmp_path / f"IMG_1{suffix}", ONE)
    build(tmp_path / "IMG_2.MOV", ONE)
    assert not read_photo(tmp_path / f"IMG_1{suffix}").notes  # its name is another one
    build(tmp_path / "IMG_1.MOV", ONE.lower())
    (note,) = read_photo(tmp_path / f"IMG_1{suffix}").notes
    assert note == "it is a live photo: this copy holds the still, and its video, IMG_1.MOV, is a file of its own"


@pytest.mark.parametrize("build", [quicktime, ffmpegs])
def test_the_video_of_another_photo_is_not_named(tmp_path: Path, build: Callable[[Path, str], None]) -> None:
    still(tmp_path / "IMG_1.jpg", ONE)
    build(tmp_path / "IMG_1.MOV", OTHER)
    assert not read_photo(tmp_path / "IMG_1.jpg").notes


@pytest.mark.parametrize("video", ["IMG_1.MOV", "IMG_1.mp4"])
@pytest.mark.parametrize(("of_still", "of_video"), [(None, None), (ONE, None), (None, ONE)])
def test_where_a_file_does_not_tell_it_may_be_one(
    tmp_path: Path, video: str, of_still: str | None, of_video: str | None
) -> None:
    still(tmp_path / "IMG_1.jpg", of_still)
    ffmpegs(tmp_path / video, of_video)
    (note,) = read_photo(tmp_path / "IMG_1.jpg").notes
    assert note == f"a video has the same name, {video}: it may be a live photo's, and is a file of its own"


def test_notes_of_a_camera_are_read_in_both_orders() -> None:
    assert {maker_identifier(maker_notes(ONE, order)) for order in "<>"} == {ONE}
    assert maker_identifier(b"Nikon\0" + maker_notes(ONE)) is None


def test_broken_files_tell_nothing(tmp_path: Path) -> None:
    notes, path = maker_notes(ONE), tmp_path / "a.MOV"
    quicktime(path, ONE)
    video = path.read_bytes()
    assert maker_identifier(notes) == video_identifier(path) == ONE
    for length in range(len(notes)):
        assert maker_identifier(notes[:length]) in (None, ONE, *(ONE[:n] for n in range(36)))
    for length in range(len(video)):
        path.write_bytes(video[:length])
        assert video_identifier(path) is None
    for at in range(len(video)):
        for lie in (0, 1, 255):
            path.write_bytes(video[:at] + bytes([lie]) + video[at + 1 :])
            video_identifier(path)
    path.write_bytes(box(b"moov", b"")[:4].replace(b"\x08", b"\0") + b"moov" + video)
    assert video_identifier(path) is None
    assert video_identifier(tmp_path / "missing.MOV") is None
    endless = BytesIO()
    for _ in range(5000):
        endless.write(box(b"free", b""))
    path.write_bytes(endless.getvalue() + video)
    assert video_identifier(path) is None  # a phone's files have a dozen boxes
