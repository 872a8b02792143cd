"""The kind of a file, told from its first bytes and never from its name."""

from dataclasses import dataclass

SUFFIXES = {
    **dict.fromkeys((".jpg", ".jpeg", ".jpe", ".jfif", ".jif", ".jfi", ".pjpeg", ".pjp", ".mpo"), "JPEG"),
    **dict.fromkeys((".png", ".apng"), "PNG"),
    ".webp": "WEBP",
    **dict.fromkeys((".tif", ".tiff"), "TIFF"),
    **dict.fromkeys((".bmp", ".dib"), "BMP"),
    ".gif": "GIF",
    **dict.fromkeys((".heic", ".heif", ".hif", ".heics", ".heifs"), "HEIC"),
    **dict.fromkeys((".avif", ".avifs"), "AVIF"),
    ".jxl": "JXL",
    **dict.fromkeys((".jp2", ".j2k", ".jpf", ".jpx", ".j2c"), "JPEG 2000"),
    **dict.fromkeys((".jxr", ".wdp", ".hdp"), "JPEG XR"),
    ".dng": "DNG",
    **dict.fromkeys(
        [
            *(".cr2", ".cr3", ".crw", ".nef", ".nrw", ".arw", ".srf", ".sr2", ".orf", ".raf", ".rw2", ".pef", ".srw"),
            *(".3fr", ".erf", ".kdc", ".dcr", ".mrw", ".rwl", ".iiq", ".x3f", ".gpr"),
        ],
        "camera raw",
    ),
    **dict.fromkeys((".psd", ".psb"), "PSD"),
    ".exr": "OpenEXR",
    ".tga": "TGA",
    ".qoi": "QOI",
    **dict.fromkeys((".pbm", ".pgm", ".ppm", ".pnm", ".pam"), "PNM"),
}
"""Suffixes that announce an image. Not all of these formats are read."""

RAW_SUFFIXES = frozenset(suffix for suffix, kind in SUFFIXES.items() if kind in ("DNG", "camera raw"))
"""Suffixes of files that hold a camera's samples, often in the guise of a TIFF whose first picture is a preview."""

_SIGNATURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"\xff\x0a": "JXL",
    b"\0\0\0\x0cJXL \r\n\x87\n": "JXL",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG 2000",
    b"\xff\x4f\xff\x51": "JPEG 2000",
    b"II\xbc": "JPEG XR",
    b"IIRO": "camera raw",
    b"IIRS": "camera raw",
    b"MMOR": "camera raw",
    b"IIU\0": "camera raw",
    b"FUJIFILMCCD-RAW": "camera raw",
    b"FOVb": "camera raw",
    b"\0MRM": "camera raw",
    b"II\x1a\0\0\0HEAPCCDR": "camera raw",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"8BPS": "PSD",
    b"v/1\x01": "OpenEXR",
    b"#?RADIANCE": "Radiance HDR",
    b"qoif": "QOI",
}
_HEIC_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1", b"mif2"}
_BMP_HEADERS = {12, 16, 40, 52, 56, 64, 108, 124}  # lengths of the header that follows "BM" and 12 more bytes


def sniff(data: bytes) -> str | None:
    """The format of an image file.

    Args:
        data: its bytes; the first few dozen are enough.

    Returns:
        "JPEG", "PNG", ..., "HEIC", or None when it is no format of images that is known.
    """
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "WEBP"
    if data[4:8] == b"ftyp":
        return _of_boxes(data)
    if data[:2] == b"BM":
        # Two letters alone begin many a text; a file that ends here was a picture and is cut short.
        header = int.from_bytes(data[14:18], "little")
        return "BMP" if len(data) < 18 or header in _BMP_HEADERS else None
    if data[:4] in (b"II*\0", b"MM\0*") and data[8:10] == b"CR":
        return "camera raw"
    return next((kind for magic, kind in _SIGNATURES.items() if data.startswith(magic)), None)


def _of_boxes(data: bytes) -> str | None:
    """The format of a file that begins with a box `ftyp`, by its brands (ISO/IEC 14496-12, 4.3)."""
    brands = data[8 : int.from_bytes(data[:4], "big")]
    if b"avif" in brands or b"avis" in brands:
        return "AVIF"
    if brands.startswith(b"crx "):
        return "camera raw"
    if brands.startswith((b"jp2 ", b"jpx ")):
        return "JPEG 2000"
    return "HEIC" if data[8:12] in _HEIC_BRANDS else None


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
