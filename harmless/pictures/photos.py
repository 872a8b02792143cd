"""Photos as callers have them: a path, pixels, or a photo that was read."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from guise.harmless.pictures.filling import check_size
from guise.models.errors import InputError
from guise.models.files import Photo, printable, read_photo

PhotoLike = str | Path | NDArray[np.uint8] | Photo
"""A file, uint8 (H, W, 3), or what `guise.models.files.read_photo` gave."""


def photo_for(photo: PhotoLike, shape: tuple[int, ...]) -> Photo:
    """A photo of the size that a model reads.

    Args:
        photo: as the caller has it.
        shape: (3, H, W), what the model reads.

    Returns:
        The photo. Where pixels were given, its hash is that of the pixels.

    Raises:
        ImageError: the file cannot be read.
        InputError: the photo has another size, or the pixels are not uint8 (H, W, 3).
    """
    if isinstance(photo, np.ndarray):
        if photo.dtype != np.uint8 or photo.ndim != 3 or photo.shape[2] != 3:
            raise InputError(f"pixels are {photo.dtype} {photo.shape}; give uint8 (height, width, 3)")
        name, read = "the photo", unsaved_photo(photo)
    elif isinstance(photo, Photo):
        name, read = "the photo", photo
    else:
        name, read = printable(photo), read_photo(Path(photo))
    try:
        check_size(read.pixels, shape)
    except InputError as error:
        raise InputError(f"{name} does not fit: {error}, or set `input=`") from None
    return read


def unsaved_photo(pixels: NDArray[np.uint8]) -> Photo:
    """Pixels that come from no file, as a photo that is written as PNG.

    Args:
        pixels: uint8 (H, W, 3).

    Returns:
        The photo; its hash is that of the pixels.
    """
    return Photo(
        pixels=pixels,
        alpha=None,
        format="PNG",
        grey=False,
        lossless=True,
        icc_profile=None,
        exif=None,
        sha256=hashlib.sha256(np.ascontiguousarray(pixels).tobytes()).hexdigest(),
        notes=(),
    )
