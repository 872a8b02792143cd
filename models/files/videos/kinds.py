"""The kind of a video file, told from its bytes, and whether all of it is there."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from guise.models.files.headers import sniff


@dataclass(frozen=True)
class Container:
    """A format of video files.

    Attributes:
        demuxer: FFmpeg's name of what reads it. Only that one is tried: others would follow addresses that a file
            gives.
        muxer: FFmpeg's name of what writes it.
    """

    demuxer: str
    muxer: str


CONTAINERS = {
    "MP4": Container("mov", "mp4"),
    "3GP": Container("mov", "3gp"),
    "MOV": Container("mov", "mov"),
    "WebM": Container("matroska", "webm"),
    "MKV": Container("matroska", "matroska"),
}
"""Those that are read, each written back as itself."""

READ = "MP4, MOV, WebM and MKV"
"""Their names, for messages."""

SUFFIXES = {
    **dict.fromkeys((".mp4", ".m4v", ".f4v"), "MP4"),
    **dict.fromkeys((".3gp", ".3g2"), "3GP"),
    **dict.fromkeys((".mov", ".qt"), "MOV"),
    ".webm": "WebM",
    ".mkv": "MKV",
    **dict.fromkeys((".avi", ".divx"), "AVI"),
    **dict.fromkeys((".wmv", ".asf"), "Windows Media"),
    ".flv": "Flash Video",
    **dict.fromkeys((".mpg", ".mpeg", ".vob", ".mts", ".m2ts"), "MPEG"),
    ".ogv": "Ogg",
    **dict.fromkeys((".rm", ".rmvb"), "RealMedia"),
}
"""Suffixes that announce a video. Not all of these formats are read."""

_SIGNATURES = {
    b"\x30\x26\xb2\x75\x8e\x66\xcf\x11": "Windows Media",
    b"FLV\x01": "Flash Video",
    b"\x00\x00\x01\xba": "MPEG",
    b"\x00\x00\x01\xb3": "MPEG",
    b".RMF": "RealMedia",
}
_EBML, _DOCTYPE, _SEGMENT = b"\x1a\x45\xdf\xa3", b"\x42\x82", b"\x18\x53\x80\x67"
_BOXES = {b"ftyp", b"moov", b"mdat", b"moof", b"mfra", b"free", b"skip", b"wide", b"pnot", b"uuid", b"meta", b"styp"}
_MOST_BOXES = 100_000


def sniff_video(data: bytes) -> str | None:
    """The format of a video file.

    Args:
        data: its bytes; the first few dozen are enough.

    Returns:
        A name of `CONTAINERS`, that of a format that is not read, or None where it is no video.
    """
    if data[4:8] == b"ftyp":
        return None if sniff(data) else _of_brand(data[8:12])
    if data[4:8] in (b"moov", b"mdat") or data[:8] in (b"\0\0\0\x08wide", b"\0\0\0\x08mdat"):
        # A text may hold these letters at this place, but no length before them.
        return None if all(0x20 <= letter < 0x7F for letter in data[:4]) else "MOV"
    if data[:4] == _EBML:
        kind = data[data.find(_DOCTYPE) + 3 :] if _DOCTYPE in data else b""
        return "WebM" if kind.startswith(b"webm") else "MKV"
    if data[:4] == b"RIFF" and data[8:12] == b"AVI ":
        return "AVI"
    return next((kind for magic, kind in _SIGNATURES.items() if data.startswith(magic)), None)


def _of_brand(brand: bytes) -> str:
    """Of the first brand of a box `ftyp` (ISO/IEC 14496-12, 4.3) of a file that is no picture."""
    if brand == b"qt  ":
        return "MOV"
    return "3GP" if brand[:2] == b"3g" else "MP4"


def missing_bytes(path: Path, kind: str) -> int:
    """Tell how much of a file was cut off, as far as its outermost parts tell their lengths.

    Args:
        path: the file.
        kind: a name of `CONTAINERS`.

    Returns:
        Bytes; 0 where nothing is missing, or nobody can tell.

    Raises:
        OSError: it cannot be read.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        end = _end_of_boxes(file, size) if CONTAINERS[kind].demuxer == "mov" else _end_of_segment(file)
    return max(0, end - size)


def _end_of_boxes(file: BinaryIO, size: int) -> int:
    at = 0
    for _ in range(_MOST_BOXES):
        file.seek(at)
        head = file.read(16)
        length = int.from_bytes(head[:4], "big")
        if len(head) < 8 or head[4:8] not in _BOXES or length == 0:
            break
        if length == 1:
            length = int.from_bytes(head[8:16], "big")
        if length < 8:
            break
        at += length
        if at >= size:
            return at
    return size and min(at, size)


def _end_of_segment(file: BinaryIO) -> int:
    """Where the segment of a Matroska file ends (RFC 9559, 4.5); 0 where it does not say so."""
    at = 0
    for _ in range(2):
        file.seek(at)
        head = file.read(12)
        if head[:4] not in (_EBML, _SEGMENT):
            return 0
        width = 9 - head[4].bit_length() if len(head) > 4 and head[4] else 9
        if width > 8 or len(head) < 4 + width:
            return 0
        length = int.from_bytes(head[4 : 4 + width], "big") & ((1 << 7 * width) - 1)
        if length == (1 << 7 * width) - 1:  # "unknown", as of a live recording
            return 0
        at += 4 + width + length
        file.seek(0, os.SEEK_END)
        if head[:4] == _SEGMENT:
            return at
    return at
