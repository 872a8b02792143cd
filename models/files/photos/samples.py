"""From whatever samples a file holds (grey, palette, 16-bit, CMYK, ...) to 8-bit RGB and alpha, and what lies below."""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms
from PIL.TiffImagePlugin import BITSPERSAMPLE, PHOTOMETRIC_INTERPRETATION, TiffImageFile

from guise.models.errors import ImageError
from guise.models.files.photos.deep import png, tiff
from guise.models.files.photos.formats import FORMATS
from guise.models.files.photos.metadata import FLIPPED_ACROSS, FLIPPED_DOWN, profile_space, swaps_sides
from guise.models.files.photos.room import LARGE, put_down, room_for

_GREY = {"1", "L", "LA", "La", "I;16", "I;16B", "I;16L"}
_COLOUR = {"P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "YCbCr", "CMYK"}
_PNG_GREY_TYPES = (0, 4)
_SAME = 2  # levels by which rounding in a codec may set channels apart
_ROWS = 64
_STRIP = 512  # rows


@dataclass(frozen=True)
class Samples:
    """8-bit pixels of one image.

    Attributes:
        pixels: uint8 (H, W, 3), RGB.
        alpha: uint8 (H, W), or None without transparency.
        single_channel: the file holds a single channel of colour.
        lower: of samples of more than 8 bits, which a copy keeps: their lower bytes, uint8 (H, W, 1, 3 or 4).
    """

    pixels: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    single_channel: bool
    lower: NDArray[np.uint8] | None = None

    @property
    def grey(self) -> bool:
        """Whether the picture is black and white, in however many channels."""
        return self.single_channel or _channels_are_equal(self.pixels)


def samples(
    image: Image.Image,
    data: bytes,
    kind: str,
    notes: list[str],
    *,
    source: Image.Image | None = None,
    orientation: int = 1,
    strips: bool = False,
) -> Samples:
    """The samples of a loaded image.

    Args:
        image: the image, loaded.
        data: the bytes that it was loaded from.
        kind: its format, as `headers.sniff` names it.
        notes: a list to which one line is added for each loss.
        source: the file that a copy of one of its pictures comes from; None where it is `image`.
        orientation: by EXIF, of the file.
        strips: the image is not turned yet, see `turns_by_strips`.

    Returns:
        8-bit RGB and alpha. Pixels that are fully transparent are black: they may hide anything.

    Raises:
        ImageError: samples without a defined range (floats, 32 bits) or in an unusual colour space.
    """
    if image.mode not in _GREY | _COLOUR:
        raise ImageError(f"its samples ({image.mode}) are not read; convert it to 8-bit RGB")
    single_channel = image.mode in _GREY or (kind == "PNG" and data[25] in _PNG_GREY_TYPES)
    bits, lower = _bits_per_sample(source or image, data, kind), None
    if bits > 8 and source is None:
        lower = _lower_bytes(data, kind, orientation)
    if bits > 8 and lower is None:
        notes.append(reduced_to_8(bits))
    if image.mode == "1":
        notes.append("1-bit samples are written back as 8-bit grey")
    if image.mode in ("P", "PA") and kind != "GIF":
        notes.append("palette colours are written back as RGB")
    image_8 = _eight_bits(image, source or image, bits)
    if image_8.mode == "CMYK":
        image_8 = _from_cmyk(image_8, notes)
    if image_8.has_transparency_data:
        rgba = np.array(image_8.convert("RGBA"))
        pixels, alpha = np.ascontiguousarray(rgba[..., :3]), np.ascontiguousarray(rgba[..., 3])
        pixels[alpha == 0] = 0
        return Samples(pixels, alpha, single_channel, lower)
    return Samples(_rgb(image_8, orientation if strips else 1), None, single_channel, lower)


def samples_of_levels(levels: NDArray[np.uint16], bits: int, notes: list[str]) -> Samples:
    """The samples of a picture of more than 8 bits.

    Args:
        levels: uint16 (H, W, 1, 3 or 4), upright, from 0 to 65535.
        bits: that the file has.
        notes: as of `samples`.

    Returns:
        As of `samples`.
    """
    upper, lower = (levels >> 8).astype(np.uint8), (levels & 0xFF).astype(np.uint8)
    kept = bits in FORMATS["HEIC"].bits
    notes += [] if kept else [reduced_to_8(bits)]
    channels = levels.shape[2]
    alpha = np.ascontiguousarray(upper[..., 3]) if channels == 4 else None
    pixels = np.ascontiguousarray(np.repeat(upper, 3, axis=2) if channels == 1 else upper[..., :3])
    if alpha is not None:
        pixels[alpha == 0] = 0
    return Samples(pixels, alpha, channels == 1, lower if kept else None)


def reduced_to_8(bits: int) -> str:
    """The note of a photo whose copy has fewer bits.

    Args:
        bits: of a sample.

    Returns:
        A line.
    """
    return f"{bits}-bit samples reduced to 8"


def turned(stored: NDArray[np.uint8], orientation: int) -> NDArray[np.uint8]:
    """Turn samples upright.

    Args:
        stored: uint8 (H, W, C).
        orientation: by EXIF.

    Returns:
        The same upright.
    """
    if swaps_sides(orientation):
        stored = stored.transpose(1, 0, 2)
    if orientation in FLIPPED_DOWN:
        stored = stored[::-1]
    if orientation in FLIPPED_ACROSS:
        stored = stored[:, ::-1]
    return np.ascontiguousarray(stored)


def turns_by_strips(image: Image.Image) -> bool:
    """Tell whether a picture is so large that Pillow should not turn it.

    Args:
        image: opened.

    Returns:
        Whether `samples` is to turn it.
    """
    return image.mode in ("RGB", "L") and 3 * image.width * image.height >= LARGE and not image.has_transparency_data


def _lower_bytes(data: bytes, kind: str, orientation: int) -> NDArray[np.uint8] | None:
    if kind == "TIFF":
        return tiff.lower_bytes(data)
    lower = png.lower_bytes(data) if kind == "PNG" else None
    return None if lower is None else turned(lower, orientation)


def _rgb(image: Image.Image, orientation: int) -> NDArray[np.uint8]:
    """Upright pixels, by strips: a second copy of a large photo may not fit the memory."""
    size = (image.height, image.width)
    pixels = room_for((*(size[::-1] if swaps_sides(orientation) else size), 3))
    stored = pixels  # seen as the file has them
    if orientation in FLIPPED_ACROSS:
        stored = stored[:, ::-1]
    if orientation in FLIPPED_DOWN:
        stored = stored[::-1]
    if swaps_sides(orientation):
        stored = stored.transpose(1, 0, 2)
    for top in range(0, image.height, _STRIP):
        strip = image.crop((0, top, image.width, min(top + _STRIP, image.height)))
        stored[top : top + strip.height] = np.asarray(strip.convert("RGB"))
        put_down(pixels)
    return pixels


def _channels_are_equal(pixels: NDArray[np.uint8]) -> bool:
    """Whether no pixel has a colour, by rows: most photos tell in the first ones."""
    rows = (pixels[top : top + _ROWS] for top in range(0, len(pixels), _ROWS))
    return all(int((part.max(2) - part.min(2)).max(initial=0)) <= _SAME for part in rows)


def _bits_per_sample(image: Image.Image, data: bytes, kind: str) -> int:
    if kind == "PNG":
        return data[24]
    if isinstance(image, TiffImageFile):
        return int(max(image.tag_v2.get(BITSPERSAMPLE, (1,))))
    if kind in ("HEIC", "JXL"):
        return int(image.info.get("bit_depth", 8))
    if kind == "AVIF" and (box := data.find(b"pixi", 0, 1 << 16)) >= 0:
        return max(data[box + 9 : box + 10], default=8)
    return 8


def _eight_bits(image: Image.Image, source: Image.Image, bits: int) -> Image.Image:
    """Grey of 12 or 16 bits to 8, by the high bits; Pillow has reduced colour in the same way already."""
    transparent = image.info.get("transparency")
    if image.mode not in ("I;16", "I;16B", "I;16L"):
        if bits > 8 and isinstance(transparent, tuple):
            image.info["transparency"] = tuple(level >> bits - 8 for level in transparent)
        return image
    levels = np.asarray(image).astype(np.uint16)
    if source.format in ("HEIF", "JXL"):  # whose decoder has stretched them
        bits = 16
    if isinstance(source, TiffImageFile) and source.tag_v2.get(PHOTOMETRIC_INTERPRETATION) == 0:
        levels = np.uint16(2**bits - 1) - levels  # white is zero
    result = Image.fromarray((levels >> bits - 8).astype(np.uint8))
    if isinstance(transparent, int):
        result.putalpha(Image.fromarray(np.where(levels == transparent, 0, 255).astype(np.uint8)))
    return result


def _from_cmyk(image: Image.Image, notes: list[str]) -> Image.Image:
    profile: bytes | None = image.info.get("icc_profile")
    if profile and profile_space(profile) == "CMYK":
        try:
            source = ImageCms.ImageCmsProfile(BytesIO(profile))
            srgb = ImageCms.createProfile("sRGB")
            converted = ImageCms.profileToProfile(image, source, srgb, outputMode="RGB")
        except (ImageCms.PyCMSError, OSError):
            converted = None
        if converted is not None:
            notes.append("CMYK converted to RGB through its colour profile")
            return converted
    notes.append("CMYK without a usable colour profile converted to RGB: colours may shift")
    return image.convert("RGB")
