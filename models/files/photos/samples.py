"""From whatever samples a file holds (grey, palette, 16-bit, CMYK, ...) to 8-bit RGB and alpha."""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageFile
from PIL.TiffImagePlugin import BITSPERSAMPLE, PHOTOMETRIC_INTERPRETATION, TiffImageFile

from guise.models.errors import ImageError
from guise.models.files.photos.metadata import profile_space

_GREY = {"1", "L", "LA", "La", "I;16", "I;16B", "I;16L"}
_COLOUR = {"P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "YCbCr", "CMYK"}
_PNG_GREY_TYPES = (0, 4)


@dataclass(frozen=True)
class Samples:
    """8-bit pixels of one image.

    Attributes:
        pixels: uint8 (H, W, 3), RGB.
        alpha: uint8 (H, W), or None without transparency.
        grey: the file holds a single channel of colour.
    """

    pixels: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    grey: bool


def samples(image: ImageFile.ImageFile, data: bytes, kind: str, notes: list[str]) -> Samples:
    """The samples of a loaded image.

    Args:
        image: the image, loaded.
        data: the bytes that it was loaded from.
        kind: its format, as `headers.sniff` names it.
        notes: a list to which one line is added for each loss.

    Returns:
        8-bit RGB and alpha.

    Raises:
        ImageError: samples without a defined range (floats, 32 bits) or in an unusual colour space.
    """
    if image.mode not in _GREY | _COLOUR:
        raise ImageError(f"its samples ({image.mode}) are not read; convert it to 8-bit RGB")
    grey = image.mode in _GREY or (kind == "PNG" and data[25] in _PNG_GREY_TYPES)
    bits = _bits_per_sample(image, data, kind)
    if bits > 8:
        notes.append(f"{bits}-bit samples reduced to 8")
    if image.mode == "1":
        notes.append("1-bit samples are written back as 8-bit grey")
    if image.mode in ("P", "PA"):
        notes.append("palette colours are written back as RGB")
    image_8 = _eight_bits(image, bits)
    if image_8.mode == "CMYK":
        image_8 = _from_cmyk(image_8, notes)
    if image_8.has_transparency_data:
        rgba = np.array(image_8.convert("RGBA"))
        return Samples(np.ascontiguousarray(rgba[..., :3]), np.ascontiguousarray(rgba[..., 3]), grey)
    return Samples(np.array(image_8.convert("RGB")), None, grey)


def _bits_per_sample(image: ImageFile.ImageFile, data: bytes, kind: str) -> int:
    if kind == "PNG":
        return data[24]
    if isinstance(image, TiffImageFile):
        return int(max(image.tag_v2.get(BITSPERSAMPLE, (1,))))
    return 8


def _eight_bits(image: Image.Image, bits: int) -> Image.Image:
    """Grey of 12 or 16 bits to 8, by the high bits; Pillow has reduced colour in the same way already."""
    transparent = image.info.get("transparency")
    if image.mode not in ("I;16", "I;16B", "I;16L"):
        if bits > 8 and isinstance(transparent, tuple):
            image.info["transparency"] = tuple(level >> bits - 8 for level in transparent)
        return image
    levels = np.asarray(image).astype(np.uint16)
    if isinstance(image, TiffImageFile) and image.tag_v2.get(PHOTOMETRIC_INTERPRETATION) == 0:
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
