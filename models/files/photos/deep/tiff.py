"""TIFFs of 16 bits a sample."""

import sys
import zlib
from collections.abc import Mapping
from io import BytesIO
from itertools import accumulate
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, TiffTags
from PIL import TiffImagePlugin as Tiff

from guise.models.files.photos.room import LARGE

_OTHER_ORDER = {"little": "B", "big": "L"}[sys.byteorder]
_SWAPPED = {"L": "B", "B": "L", "N": _OTHER_ORDER}
_COLOURS, _PLANE = ("RGB", "RGBX", "RGBA"), ("R", "G", "B", "A")
_PLANES = 2  # planar configuration: a plane for each channel
_STRIP = 1 << 18  # bytes before compression
_DEFLATE, _HORIZONTAL = 8, 2
_LEVEL = 6
_UNASSOCIATED = 2  # alpha that the colours are not multiplied with


def read_planes(image: Image.Image) -> None:
    """Have Pillow read planes of 16 bits a sample, one for each channel, as such: it takes them for planes of 8.

    Args:
        image: opened; nothing of this picture is loaded yet.
    """
    if not isinstance(image, Tiff.TiffImageFile) or image._planar_configuration != _PLANES:
        return
    if set(image.tag_v2.get(Tiff.BITSPERSAMPLE, ())) == {16}:
        order = ";16L" if image.tag_v2.prefix == Tiff.II else ";16B"
        image.tile = [
            _read_as(tile, _how(tile) + order) if tile.codec_name == "raw" and _how(tile) in _PLANE else tile
            for tile in image.tile
        ]


def lower_bytes(data: bytes) -> NDArray[np.uint8] | None:
    """The lower bytes of a TIFF's samples, upright.

    Args:
        data: of a file of one picture, which Pillow decodes.

    Returns:
        uint8 (H, W, 1, 3 or 4); None where its samples have no 16 bits, are stored in an unusual way, or are so many
        that they may not fit the memory.
    """
    with Tiff.TiffImageFile(BytesIO(data)) as image:
        bits = image.tag_v2.get(Tiff.BITSPERSAMPLE, (1,))
        if set(bits) != {16} or image.width * image.height * 4 > LARGE or not image.tile:
            return None
        white_is_zero = image.tag_v2.get(Tiff.PHOTOMETRIC_INTERPRETATION) == 0
        read_planes(image)
        kinds = {_how(tile).partition(";16")[::2] for tile in image.tile}
        if kinds <= {("I", ""), ("I", "B"), ("I", "N")} and image.mode.startswith("I;16"):
            levels = np.asarray(image)
            return ((~levels if white_is_zero else levels) & 0xFF).astype(np.uint8)[..., None]
        planes = image._planar_configuration == _PLANES
        known = all(order in _SWAPPED and stem in (_PLANE if planes else _COLOURS) for stem, order in kinds)
        if not known or (planes and image.use_load_libtiff):
            return None
        # Pillow keeps the upper byte: told that the order is the other one, it gives the lower bytes.
        image.tile = [_read_as(tile, _how(tile)[:-1] + _SWAPPED[_how(tile)[-1]]) for tile in image.tile]
        return np.array(image)


def encode_tiff(
    upper: NDArray[np.uint8], lower: NDArray[np.uint8], tags: Mapping[int, Any] | Image.Exif, icc: bytes | None
) -> bytes:
    """A TIFF of 16 bits a sample, which Pillow writes of grey only.

    Args:
        upper: uint8 (H, W, 1, 3 or 4), grey, RGB or RGBA.
        lower: of the same shape.
        tags: that say how it is shown, and EXIF.
        icc: a colour profile.

    Returns:
        The file.
    """
    height, width, channels = upper.shape
    rows = min(max(_STRIP // (2 * width * channels), 1), height)
    strips = [_strip(upper[top : top + rows], lower[top : top + rows]) for top in range(0, height, rows)]
    lengths = [len(strip) for strip in strips]
    directory = Tiff.ImageFileDirectory_v2(prefix=Tiff.II)
    for tag in tags:
        blocks = isinstance(tags, Image.Exif) and tag in TiffTags.TAGS_V2_GROUPS
        directory[tag] = tags.get_ifd(tag) if blocks and isinstance(tags, Image.Exif) else tags[tag]
    values: dict[int, Any] = {
        Tiff.IMAGEWIDTH: width,
        Tiff.IMAGELENGTH: height,
        Tiff.BITSPERSAMPLE: (16,) * channels,
        Tiff.SAMPLESPERPIXEL: channels,
        Tiff.COMPRESSION: _DEFLATE,
        Tiff.PREDICTOR: _HORIZONTAL,
        Tiff.PHOTOMETRIC_INTERPRETATION: 1 if channels == 1 else 2,
        Tiff.PLANAR_CONFIGURATION: 1,
        Tiff.ROWSPERSTRIP: rows,
        Tiff.STRIPBYTECOUNTS: tuple(lengths),
        Tiff.STRIPOFFSETS: tuple(accumulate(lengths[:-1], initial=0)),  # the directory adds its own length
    }
    values |= {Tiff.EXTRASAMPLES: _UNASSOCIATED} if channels == 4 else {}
    values |= {Tiff.ICCPROFILE: icc} if icc else {}
    for tag, value in values.items():
        directory[tag] = value
    for tag in (Tiff.STRIPBYTECOUNTS, Tiff.STRIPOFFSETS):
        directory.tagtype[tag] = TiffTags.LONG
    file = BytesIO()
    directory.save(file)
    return file.getvalue() + b"".join(strips)


def _strip(upper: NDArray[np.uint8], lower: NDArray[np.uint8]) -> bytes:
    """Some rows, each sample less its left neighbour."""
    levels = upper.astype("<u2") << 8 | lower
    differences = levels.copy()
    differences[:, 1:] -= levels[:, :-1]
    return zlib.compress(np.ascontiguousarray(differences).astype("<u2", copy=False).data, _LEVEL)


def _how(tile: Any) -> str:
    """How Pillow reads the samples of a tile or strip."""
    return str(tile.args[0])


def _read_as(tile: Any, how: str) -> Any:
    return tile._replace(args=(how, *tile.args[1:]))
