"""The kind of a file, told from its first bytes and never from its name."""

from dataclasses import dataclass

SUFFIXES = {
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
    ".jpe": "JPEG",
    ".jfif": "JPEG",
    ".png": "PNG",
    ".webp": "WEBP",
    ".tif": "TIFF",
    ".tiff": "TIFF",
    ".bmp": "BMP",
    ".gif": "GIF",
    ".heic": "HEIC",
    ".heif": "HEIC",
    ".avif": "AVIF",
}
"""Suffixes that announce an image. Not all of these formats are read."""

_SIGNATURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"BM": "BMP",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1"}


def sniff(data: bytes) -> str | None:
    """The format of an image file.

    Args:
        data: its bytes; the first few dozen are enough.

    Returns:
        "JPEG", "PNG", ..., "HEIC", or None when the format is not known.
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        brands = data[8 : int.from_bytes(data[:4], "big")]
        if b"avif" in brands or b"avis" in brands:
            return "AVIF"
        return "HEIC" if data[8:12] in _HEIC_BRANDS else None
    return next((kind for magic, kind in _SIGNATURES.items() if data.startswith(magic)), None)


@dataclass(frozen=True)
class WebPHeader:
    """What must be known of a WebP file before it is decoded: its decoder sets memory aside at once.

    Attributes:
        size: width and height in pixels.
        frames: how many pictures it holds.
        lossless: its pixels are compressed without loss.
    """

    size: tuple[int, int]
    frames: int
    lossless: bool


def webp_header(data: bytes) -> WebPHeader:
    """Walk the chunks of a WebP file (RFC 9649) without decoding any.

    Args:
        data: the file's bytes.

    Returns:
        Size, number of frames and kind of compression; a size of (0, 0) where the file does not tell.
    """
    size, animated_frames, lossless = (0, 0), 0, False
    at = 12
    while at + 8 <= len(data):
        kind, length = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        body = data[at + 8 : at + 18]
        if kind == b"VP8X":
            size = 1 + int.from_bytes(body[4:7], "little"), 1 + int.from_bytes(body[7:10], "little")
        elif kind == b"VP8L":
            bits = int.from_bytes(body[1:5], "little")
            size, lossless = (1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)), True
        elif kind == b"VP8 ":
            size = int.from_bytes(body[6:8], "little") & 0x3FFF, int.from_bytes(body[8:10], "little") & 0x3FFF
        elif kind == b"ANMF":
            animated_frames += 1
        at += 8 + length + length % 2
    return WebPHeader(size, max(animated_frames, 1), lossless)
