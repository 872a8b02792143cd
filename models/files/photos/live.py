"""Live photos: a still and a video in two files of one name, which Apple's phones tie together by an identifier."""

import struct
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from PIL.ExifTags import IFD, Base
from PIL.Image import Image

from guise.models.files.names import printable

_SUFFIXES = (".MOV", ".mov", ".MP4", ".mp4")
_MAKER, _TAGS_AT, _IDENTIFIER = b"Apple iOS\0", 14, 0x0011  # Apple's notes: a header, then tags as of EXIF
_ASCII = 2
_KEY = b"com.apple.quicktime.content.identifier"
_MOST_BOXES, _MOST_BYTES = 1000, 1 << 16  # of which a list of keys or values is no more

_Box = tuple[int, int]  # where a box begins, after its header, and ends


def live_note(image: Image, path: Path) -> str | None:
    """Say what becomes of the video of a live photo.

    Args:
        image: the still, opened.
        path: its file, next to which the video lies.

    Returns:
        A line, which claims no more than both files tell; None where there is no video, or one of another photo.
    """
    video = next((own for own in (path.with_suffix(suffix) for suffix in _SUFFIXES) if own.is_file()), None)
    if video is None:
        return None
    of_still, of_video = _still_identifier(image), video_identifier(video)
    name = printable(video.name)
    if of_still is None or of_video is None:
        return f"a video has the same name, {name}: it may be a live photo's, and is a file of its own"
    if of_still != of_video:
        return None
    return f"it is a live photo: this copy holds the still, and its video, {name}, is a file of its own"


def maker_identifier(notes: bytes) -> str | None:
    """The identifier in the notes of an Apple camera.

    Args:
        notes: EXIF's MakerNote.

    Returns:
        As stored, in capitals; None without one.
    """
    if not notes.startswith(_MAKER) or len(notes) < _TAGS_AT + 2:
        return None
    order = "<" if notes[_TAGS_AT - 2 : _TAGS_AT] == b"II" else ">"
    (count,) = struct.unpack_from(f"{order}H", notes, _TAGS_AT)
    for at in range(_TAGS_AT + 2, min(_TAGS_AT + 2 + 12 * count, len(notes) - 11), 12):
        tag, type_, length, place = struct.unpack_from(f"{order}HHII", notes, at)
        if tag == _IDENTIFIER and type_ == _ASCII:
            return _text(notes[place : place + length] if length > 4 else notes[at + 8 : at + 8 + length])
    return None


def video_identifier(path: Path) -> str | None:
    """The identifier in a QuickTime or MP4 file (moov, meta, keys and ilst).

    Args:
        path: any file.

    Returns:
        As stored, in capitals; None without one.
    """
    with suppress(OSError, struct.error), path.open("rb") as file:
        for moov in _boxes(file, (0, path.stat().st_size), b"moov"):
            # Phones have it in the first place, FFmpeg in the second.
            for holder in (moov, *_boxes(file, moov, b"udta")):
                for meta in _boxes(file, holder, b"meta"):
                    if (identifier := _listed(file, meta)) is not None:
                        return identifier
    return None


def _listed(file: BinaryIO, meta: _Box) -> str | None:
    """The identifier in a list of keys and one of values."""
    file.seek(meta[0])
    head = file.read(12)
    versioned = head[8:] == b"hdlr" and head[4:8] != b"hdlr"  # in MP4, not in QuickTime
    parts = (meta[0] + 4 * versioned, meta[1])
    keys, values = (next(_boxes(file, parts, kind), None) for kind in (b"keys", b"ilst"))
    number = None if keys is None else _number(_body(file, keys))
    if number is not None and values is not None:
        for value in _boxes(file, values, number.to_bytes(4, "big")):
            for data in _boxes(file, value, b"data"):
                return _text(_body(file, data)[8:])  # after type and language
    return None


def _still_identifier(image: Image) -> str | None:
    with suppress(Exception):  # hostile bytes raise almost anything
        notes = image.getexif().get_ifd(IFD.Exif).get(Base.MakerNote)
        return maker_identifier(notes) if isinstance(notes, bytes) else None
    return None


def _boxes(file: BinaryIO, parent: _Box, kind: bytes) -> Iterator[_Box]:
    """The boxes of a kind in another one (ISO/IEC 14496-12, 4.2)."""
    start, end = parent
    for _ in range(_MOST_BOXES):
        if start + 8 > end:
            return
        file.seek(start)
        size, own = struct.unpack(">I4s", file.read(8))
        header = 8
        if size == 1:
            (size,), header = struct.unpack(">Q", file.read(8)), 16
        size = size or end - start  # 0: to the end
        if size < header or start + size > end:
            return
        if own == kind:
            yield start + header, start + size
        start += size


def _body(file: BinaryIO, box: _Box) -> bytes:
    file.seek(box[0])
    return file.read(min(box[1] - box[0], _MOST_BYTES))


def _number(keys: bytes) -> int | None:
    """Under which number a list of keys has the identifier's."""
    at, number = 8, 0
    while at + 8 <= len(keys):
        size, number = int.from_bytes(keys[at : at + 4], "big"), number + 1
        if keys[at + 8 : at + size] == _KEY:
            return number
        at += max(size, 8)
    return None


def _text(stored: bytes) -> str | None:
    """A text without what ends it; identifiers are compared without regard to case."""
    return stored.strip(b"\0 ").decode("latin-1").upper() or None
