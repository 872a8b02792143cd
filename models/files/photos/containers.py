"""What else a file holds besides its picture: its parts are walked, and nothing is decoded."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from guise.models.counting import by_number, counted

_PNG_HEAD = 8
_SOF2, _EOI, _SOS, _COM, _APP1, _APP2, _APP13 = 0xC2, 0xD9, 0xDA, 0xFE, 0xE1, 0xE2, 0xED
_JFIF = b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
_FRAMES = {0xC0, 0xC1, 0xC2}
_METADATA = {*range(0xE0, 0xF0), _COM}
_STANDALONE = {0x01, *range(0xD0, 0xD8)}
_NEXT_MARKER = re.compile(rb"\xff+([^\x00\xd0-\xd7\xff])", re.DOTALL)

_GAIN_MAPS = (b"hdr-gain-map", b"hdrgm:", b"HDRGainMap", b"hdrgainmap", b"urn:iso:std:iso:ts:21496")
_MOVING = (b"MotionPhoto", b"MicroVideo", b"mpvd")
_DEPTH = (b"GDepth", b"depthmap", b"DepthMap", b"aux:depth", b"auxid:2", b"auxiliary:depth")
_ALPHA = (b"auxid:1", b"auxiliary:alpha")
_AUXILIARY = re.compile(rb"auxC\0{4}([\x21-\x7e]+)\0")  # what a picture besides the first is for (ISO/IEC 23008-12)
HDR_LOST = "its HDR is lost: a copy shows the standard picture, without the gain map"
STILL_ONLY = "it is a motion photo: a copy holds the still, without the video"
DEPTH_LOST = "its depth map is left out"
AUXILIARY_LOST = "its auxiliary pictures are left out"


def png_chunks(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Walk the chunks of a PNG.

    Args:
        data: the file's bytes.

    Yields:
        Kind and body of each, up to the first that is cut short.
    """
    at = _PNG_HEAD
    while at + 12 <= len(data):
        length, kind = int.from_bytes(data[at : at + 4], "big"), data[at + 4 : at + 8]
        if at + 12 + length > len(data):
            return
        # The picture itself is not copied.
        yield kind, b"" if kind in (b"IDAT", b"fdAT") else data[at + 8 : at + 8 + length]
        at += 12 + length


@dataclass(frozen=True)
class JpegParts:
    """The parts of a JPEG.

    Attributes:
        segments: marker and body of all before the first scan.
        end: where the first picture ends; None where its end marker is missing.
        complete: its scans tell all bits of all coefficients, if they are whole.
    """

    segments: tuple[tuple[int, bytes], ...]
    end: int | None
    complete: bool


def jpeg_parts(data: bytes) -> JpegParts:
    """Walk the markers of a JPEG (ITU-T T.81, annex B).

    Args:
        data: the file's bytes.

    Returns:
        Its parts.
    """
    segments: list[tuple[int, bytes]] = []
    missing: dict[tuple[int, int], int] = {}  # bits still to come of each component's coefficients
    progressive, scans, at = False, 0, 2
    while (found := _NEXT_MARKER.search(data, at)) is not None:
        marker, at = found[1][0], found.end()
        if marker == _EOI:
            return JpegParts(tuple(segments), at, scans > 0)
        if marker in _STANDALONE:
            continue
        body = data[at + 2 : at + int.from_bytes(data[at : at + 2], "big")]
        at += 2 + len(body)
        if marker == _SOS:
            scans += 1
            _take_scan(body, missing)
        elif not scans:
            segments.append((marker, body))
        if marker == _SOF2 and len(body) > 5:
            progressive = True
            missing = {(component, k): 16 for component in body[6::3] for k in range(64)}
    return JpegParts(tuple(segments), None, scans > 0 and not (progressive and any(missing.values())))


def bare_jpeg(data: bytes) -> bytes:
    """A JPEG without metadata, comments and whatever follows its picture.

    Args:
        data: the file's bytes.

    Returns:
        What is needed to decode it, with a JFIF header.
    """
    parts, at = [data[:2], _JFIF], 2
    while (found := _NEXT_MARKER.search(data, at)) is not None:
        marker, body = found[1][0], found.end()
        if marker == _SOS:
            end = jpeg_parts(data).end
            return b"".join([*parts, data[found.start() : end]])
        if marker in _STANDALONE:
            at = body
            continue
        at = body + int.from_bytes(data[body : body + 2], "big")
        if marker not in _METADATA:
            parts.append(data[found.end() - 2 : at])
    return data


def with_metadata_of(picture: bytes, other: bytes) -> bytes:
    """A JPEG with the metadata of another one.

    Args:
        picture: the file's bytes.
        other: bytes of the other one.

    Returns:
        The file; its components have the names that JFIF gives them.
    """
    segments = [(marker, body) for marker, body in jpeg_parts(other).segments if marker in _METADATA]
    head = b"".join(bytes([0xFF, marker]) + (len(body) + 2).to_bytes(2, "big") + body for marker, body in segments)
    bare = bytearray(bare_jpeg(picture))
    at, numbers = 2, dict[int, int]()
    while (found := _NEXT_MARKER.search(bare, at)) is not None:
        marker, at = found[1][0], found.end() + 2
        if marker == _EOI:
            break
        if marker in _FRAMES:
            places = range(at + 6, at + 6 + 3 * bare[at + 5], 3)
            numbers = {bare[place]: number for number, place in enumerate(places, 1)}
        elif marker == _SOS:
            places = range(at + 1, at + 1 + 2 * bare[at], 2)
        else:
            places = range(0)
        for place in places:
            bare[place] = numbers.get(bare[place], bare[place])
        at += int.from_bytes(bare[at - 2 : at], "big") - 2
    return bytes(bare[:2]) + head + bytes(bare[2 + len(_JFIF) :])


def _take_scan(body: bytes, missing: dict[tuple[int, int], int]) -> None:
    """Note which bits a scan tells."""
    count = body[0] if body else 0
    if len(body) < 4 + 2 * count:
        return
    first, last, approximation = body[1 + 2 * count : 4 + 2 * count]
    for component in body[1 : 1 + 2 * count : 2]:
        for k in range(first, min(last, 63) + 1):
            missing[component, k] = approximation & 15


def beside_jpeg(parts: JpegParts, data: bytes, pictures: int) -> tuple[list[str], list[str]]:
    """Tell what a JPEG holds besides its first picture.

    Args:
        parts: of the file.
        data: its bytes.
        pictures: how many it holds, by its index (MPO).

    Returns:
        What of it people will miss, a line each; and names of metadata.
    """
    application = b"".join(body for marker, body in parts.segments if marker in (_APP1, _APP2))
    trailer = b"" if parts.end is None else data[parts.end :]
    notes = []
    hdr = any(word in application for word in _GAIN_MAPS)
    if hdr:
        notes.append(HDR_LOST)
    if any(word in application for word in _MOVING) or b"MotionPhoto_Data" in trailer or _begins_video(trailer):
        notes.append(STILL_ONLY)
    if any(word in application for word in _DEPTH):
        notes.append(DEPTH_LOST)
    more = pictures - 1 - hdr
    if more == 1:
        notes.append("its second picture is left out")
    elif more > 1:
        notes.append(f"its {more} further pictures are left out")
    elif trailer and not notes:
        follow = by_number(len(trailer), "follows its picture is", "follow its picture are")
        notes.append(f"{counted(len(trailer), 'byte')} that {follow} left out")
    metadata = [
        name
        for name, marker, words in (
            ("XMP", _APP1, b"http://ns.adobe.com/x"),
            ("IPTC", _APP13, b"Photoshop"),
            ("comments", _COM, b""),
        )
        if any(kind == marker and body.startswith(words) for kind, body in parts.segments)
    ]
    return notes, metadata


def _begins_video(trailer: bytes) -> bool:
    return b"ftyp" in trailer[4:32]


def beside_heic(data: bytes, info: Mapping[Any, Any], pictures: int) -> list[str]:
    """Tell what a HEIC or AVIF file holds besides its first picture.

    Args:
        data: its bytes.
        info: what its decoder tells.
        pictures: how many it holds.

    Returns:
        What of it people will miss, a line each.
    """
    head = data[: 1 << 16]
    auxiliary = {*(str(name).encode() for name in info.get("aux", {})), *_AUXILIARY.findall(head)}
    described = b" ".join([*auxiliary, bytes(info.get("xmp") or b"")])
    notes = []
    if any(word in described for word in _GAIN_MAPS) or b"tmap" in head:
        notes.append(HDR_LOST)
    if any(word in described for word in _MOVING) or b"mpvd" in data:
        notes.append(STILL_ONLY)
    if info.get("depth_images") or any(word in described for word in _DEPTH):
        notes.append(DEPTH_LOST)
    if any(all(word not in name for word in (*_GAIN_MAPS, *_DEPTH, *_ALPHA)) for name in auxiliary):
        notes.append(AUXILIARY_LOST)
    if pictures == 2:
        notes.append("its second picture is left out")
    elif pictures > 2:
        notes.append(f"its {pictures - 1} further pictures are left out")
    return notes
