"""Encode a photo as a copy of its original's kind, and write it whole or not at all."""

import os
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from guise.models.errors import ImageError
from guise.models.files.atomic import atomic_write
from guise.models.files.names import printable
from guise.models.files.photos.metadata import exif_tags
from guise.models.files.photos.photo import Photo
from guise.models.files.photos.reading import read_bytes
from guise.models.files.photos.silence import quiet_libtiff

_SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "PNG": {"compress_level": 3},
    "TIFF": {"compression": "tiff_adobe_deflate", "tiffinfo": {317: 2}},  # 317: horizontal predictor
    "BMP": {},
}
_WEBP_LOSSLESS: dict[str, Any] = {"lossless": True, "quality": 20, "method": 1, "exact": True}
_WEBP_LOSSY: dict[str, Any] = {"quality": 95, "method": 2}


def write_photo(
    path: Path, photo: Photo, pixels: NDArray[np.uint8], *, keep_metadata: bool = False, overwrite: bool = True
) -> None:
    """Write a copy of `photo` with other pixels, atomically. The same arguments give the same bytes.

    The copy keeps the photo's format, transparency and colour profile. It drops all other metadata.

    Args:
        path: the file to write. A missing folder is made.
        photo: the original, as read.
        pixels: uint8 (H, W, 3) of the photo's size. A grey photo keeps only their luma.
        keep_metadata: write the photo's EXIF too (GPS included).
        overwrite: False leaves a file that is there already and holds anything else.

    Raises:
        ImageError: the pixels are of another size or type, or cannot be encoded, or another file is in the way.
        OutputError: the file cannot be written.
    """
    if pixels.dtype != np.uint8 or pixels.shape != photo.pixels.shape:
        got = f"{pixels.dtype} {pixels.shape}"
        raise ImageError(f"cannot write {printable(path)}: pixels are {got}; give uint8 {photo.pixels.shape}")
    try:
        data = _encode(photo, pixels, exif=photo.exif if keep_metadata else None)
    except (OSError, ValueError) as error:
        raise ImageError(
            f"cannot write {printable(path)} as {photo.format}: {error}; convert the original to PNG"
        ) from error
    if not overwrite and os.path.lexists(path) and not _holds(path, data):
        what = f"cannot write {printable(path)}: another file is there already"
        raise ImageError(f"{what}; move it away or choose another output folder")
    with atomic_write(path) as file:
        file.write(data)


def as_saved(photo: Photo, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The pixels that a reader gets from a copy, without writing any file.

    Args:
        photo: the original, which decides on the format.
        pixels: uint8 (h, w, 3) of any size.

    Returns:
        uint8 (h, w, 3), changed by lossy compression or by the loss of colour where the copy has it.
    """
    if photo.lossless and not photo.grey:
        return pixels
    bare = replace(photo, alpha=None, icc_profile=None)
    with Image.open(BytesIO(_encode(bare, pixels, exif=None)), formats=[photo.format]) as image:
        return np.asarray(image.convert("RGB"))


def _holds(path: Path, data: bytes) -> bool:
    try:
        return read_bytes(path) == data
    except (ImageError, OSError):
        return False


def _encode(photo: Photo, pixels: NDArray[np.uint8], *, exif: bytes | None) -> bytes:
    image = Image.fromarray(pixels)
    if photo.grey:
        image = image.convert("L")
    if photo.alpha is not None:
        image.putalpha(Image.fromarray(photo.alpha))
    if photo.format == "WEBP":
        options = dict(_WEBP_LOSSLESS if photo.lossless else _WEBP_LOSSY)
    else:
        options = dict(_SAVE_OPTIONS[photo.format])
    if exif and photo.format == "TIFF":
        # Pillow writes blocks of tags into uncompressed TIFF only.
        options = {"compression": "raw", "tiffinfo": exif_tags(exif)}
    elif exif:
        options["exif"] = exif
    if photo.icc_profile:
        options["icc_profile"] = photo.icc_profile
    buffer = BytesIO()
    with quiet_libtiff():
        image.save(buffer, format=photo.format, **options)
    return buffer.getvalue()
