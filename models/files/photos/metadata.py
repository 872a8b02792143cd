"""What a photo holds besides its pixels: EXIF tags and colour profiles."""

from typing import Any

from PIL import Image
from PIL.ExifTags import IFD, Base

# Tags that describe how the ORIGINAL file stored its pixels (a TIFF mixes them with the EXIF tags), and
# blocks that can carry a second, unprotected picture: thumbnails, previews, XMP, Photoshop resources.
_LEFT_OUT = {
    *range(254, 269),  # subfile type, size, bits, compression, photometry
    *range(273, 282),  # strips, orientation, samples, rows
    *(284, 290, 291, 292, 293, 297, 301, 317, 318, 319, 320, 321),  # planes, predictor, palette
    *range(322, 348),  # tiles, sub-pictures, inks, extra samples, JPEG tables
    *range(512, 533),  # embedded JPEG (thumbnail), YCbCr layout
    *(700, 33723, 34377, 34675, 37724),  # XMP, IPTC, Photoshop, colour profile, Photoshop layers
    *(50341, 50706, 50707, 50740, 50972),  # print matching, DNG and its private previews
}


_TURNED = range(5, 9)  # orientations that swap width and height
FLIPPED_ACROSS, FLIPPED_DOWN = (2, 3, 6, 7), (3, 4, 7, 8)
"""Orientations that flip the picture, once width and height are swapped."""
_SWAPPED = (
    (Base.XResolution, Base.YResolution),
    (Base.FocalPlaneXResolution, Base.FocalPlaneYResolution),
)
_IN_PIXELS = (0x9214, 0xA214)  # where the subject lies, in the raster as it was stored
_OF_ENCODING = (Base.CompressedBitsPerPixel, Base.MakerNote)
_MOST_BYTES = 4096  # of an undefined value; more can be a picture
_PICTURES = (b"\xff\xd8\xff", b"\x89PNG", b"ftypheic", b"ftypavif", b"WEBPVP8")


def swaps_sides(orientation: Any) -> bool:
    """Tell whether an orientation swaps width and height.

    Args:
        orientation: the tag's value, which may be anything.

    Returns:
        Whether the upright picture lies across the stored one.
    """
    return orientation in _TURNED


def clean_exif(exif: Image.Exif, size: tuple[int, int]) -> bytes | None:
    """The EXIF block to write with an upright copy.

    It leaves out the thumbnail, the maker's notes and whatever else can show the unprotected face, and the tags that
    describe the original's encoding. The orientation becomes 1, and sizes and densities those of the upright copy. All
    other tags stay as they are.

    Args:
        exif: the original's tags.
        size: width and height of the upright picture.

    Returns:
        The block, or None when it would hold nothing.
    """
    kept = Image.Exif()
    for tag, value in exif.items():
        if tag not in _LEFT_OUT and tag not in (IFD.Exif, IFD.GPSInfo, IFD.Interop):
            kept[tag] = _unchanged(value)
    camera = {tag: _unchanged(value) for tag, value in exif.get_ifd(IFD.Exif).items() if tag not in _OF_ENCODING}
    if IFD.Interop in camera:
        camera[IFD.Interop] = dict(exif.get_ifd(IFD.Interop))
    place = {tag: _unchanged(value) for tag, value in exif.get_ifd(IFD.GPSInfo).items()}
    for block in (kept, camera, place):
        for tag in [tag for tag, value in block.items() if _may_be_a_picture(value)]:
            del block[tag]
    orientation = exif.get(Base.Orientation, 1)
    _describe(camera, size)
    for block in (kept, camera):
        if swaps_sides(orientation):
            _swap(block)
        if orientation != 1:
            for tag in _IN_PIXELS:
                block.pop(tag, None)
    for tag, block in ((IFD.Exif, camera), (IFD.GPSInfo, place)):
        if block:
            kept[tag] = block
    if not len(kept):
        return None
    kept[Base.Orientation] = 1
    return kept.tobytes()


def _describe(camera: dict[int, Any], size: tuple[int, int]) -> None:
    """Correct the sizes that are told."""
    interop = camera.get(IFD.Interop, {})
    for block, tags in (
        (camera, (Base.ExifImageWidth, Base.ExifImageHeight)),
        (interop, (Base.RelatedImageWidth, Base.RelatedImageLength)),
    ):
        for tag, length in zip(tags, size, strict=True):
            if tag in block:
                block[tag] = length


def _swap(block: Any) -> None:
    for across, down in _SWAPPED:
        if across in block and down in block:
            block[across], block[down] = block[down], block[across]


def _may_be_a_picture(value: Any) -> bool:
    if not isinstance(value, bytes):
        return False
    return len(value) > _MOST_BYTES or any(begin in value for begin in _PICTURES)


def exif_tags(exif: bytes) -> Image.Exif:
    """An EXIF block as tags, to be written into the directory of a TIFF.

    Args:
        exif: a block that `clean_exif` has made.

    Returns:
        Its tags.
    """
    tags = Image.Exif()
    tags.load(exif)
    tags.get_ifd(IFD.Exif).pop(IFD.Interop, None)  # an offset that holds in the block only
    for block in (tags, tags.get_ifd(IFD.Exif), tags.get_ifd(IFD.GPSInfo)):
        for tag, value in list(block.items()):
            block[tag] = _unchanged(value)
    return tags


def _unchanged(value: Any) -> Any:
    """Pillow reads text as Latin-1 and writes it as ASCII; bytes (UTF-8, as a rule) pass unchanged."""
    return value.encode("latin-1") if isinstance(value, str) and not value.isascii() else value


def profile_space(profile: bytes | None) -> str:
    """The colour space that an ICC profile is for.

    Args:
        profile: the profile's bytes, or None.

    Returns:
        "RGB", "GRAY", "CMYK", ...; "" without a profile.
    """
    return (profile or b"")[16:20].decode("latin-1").strip()
