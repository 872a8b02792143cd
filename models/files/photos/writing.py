"""Encode a photo as a copy of its original's kind, and write it whole or not at all."""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from guise.models.counting import counted
from guise.models.errors import ImageError, first_line
from guise.models.files.atomic import atomic_write
from guise.models.files.names import printable
from guise.models.files.photos.decoding import opened, pictures
from guise.models.files.photos.encoding import encode
from guise.models.files.photos.jpeg.blocks import shown
from guise.models.files.photos.jpeg.layout import COMPRESSED_ANEW
from guise.models.files.photos.jpeg.transcoding import BlockError
from guise.models.files.photos.photo import Frame, Photo, Shown
from guise.models.files.photos.reading import read_bytes

Pixels = NDArray[np.uint8]


def write_photo(
    path: Path,
    photo: Photo,
    pixels: Pixels | Sequence[Pixels],
    *,
    keep_metadata: bool = False,
    overwrite: bool = True,
) -> tuple[str, ...]:
    """Write a copy of `photo` with other pixels, atomically. The same arguments give the same bytes.

    The copy keeps the photo's format, transparency, colours, density, permissions and time of change, as far as its
    format carries them (`guise.models.files.photos.formats`). It drops all other metadata.

    Args:
        path: the file to write. A missing folder is made.
        photo: the original, as read.
        pixels: uint8 (H, W, 3) of the photo's size; of a photo with several frames one array for each. A photo of a
            single channel keeps only their luma; what is fully transparent becomes black.
        keep_metadata: write the photo's EXIF too (GPS included).
        overwrite: False leaves a file that is there already and holds anything else.

    Returns:
        What only writing has shown of what the copy does not keep, a line each; as a rule nothing.

    Raises:
        ImageError: the pixels are of another size or type, or cannot be encoded, or another file is in the way.
        OutputError: the file cannot be written.
    """
    data, notes = _encoded(path, photo, pixels, photo.exif if keep_metadata else None)
    if not overwrite and os.path.lexists(path) and not _holds(path, data):
        what = f"cannot write {printable(path)}: another file is there already"
        raise ImageError(f"{what}; move it away or choose another output folder")
    with atomic_write(path, attributes=photo.attributes) as file:
        file.write(data)
    return notes


def as_saved(photo: Photo, pixels: Pixels, original: Pixels | None = None) -> Pixels:
    """The pixels that a reader gets from a copy, without writing any file.

    Args:
        photo: the original, which decides on the format; one picture of those that a file holds, see `Photo.at`.
        pixels: uint8 (h, w, 3) of any size.
        original: uint8 (h, w, 3), the photo's own pixels in the same place, which begins where a block of 16 pixels
            does. None where that place is not known: then the copy of a JPEG is judged as if all of it were encoded
            anew.

    Returns:
        uint8 (h, w, 3), changed by lossy compression or by the loss of colour where the copy has it.
    """
    if photo.lossless and not photo.single_channel:
        return pixels
    if photo.compressed is not None and original is not None:
        return shown(original, pixels, photo.compressed.layout)
    options = {name: value for name, value in photo.shown.options.items() if name != "loop"}
    how = Shown(options=options, stored=photo.shown.stored)
    bare = replace(photo, alpha=None, icc_profile=None, shown=how, frames=(), key=0, compressed=None, lower=None)
    data = encode(bare, [Frame(pixels, None)], None)
    with opened(photo.format, data) as image:
        return pictures(image, data, photo.format, [])[0].samples.pixels


def written_and_read(path: Path, photo: Photo, pixels: Pixels) -> Pixels:
    """The pixels that a reader gets from a copy, to the bit; unlike `as_saved` it encodes all of it.

    Args:
        path: of the copy, for messages.
        photo: the original, of one picture.
        pixels: uint8 (H, W, 3) of its size.

    Returns:
        uint8 (H, W, 3).

    Raises:
        ImageError: it cannot be encoded.
    """
    data, _ = _encoded(path, replace(photo, icc_profile=None), pixels, None)
    with opened(photo.format, data) as image:
        return pictures(image, data, photo.format, [])[0].samples.pixels


def _encoded(
    path: Path, photo: Photo, pixels: Pixels | Sequence[Pixels], exif: bytes | None
) -> tuple[bytes, tuple[str, ...]]:
    """A copy's bytes, and what only encoding has shown that it does not keep."""
    try:
        frames = _frames(path, photo, pixels)
        try:
            return encode(photo, frames, exif), ()
        except BlockError as error:
            return encode(replace(photo, compressed=None), frames, exif), (f"{COMPRESSED_ANEW}: {error}",)
    except (OSError, ValueError, RuntimeError) as error:
        raise ImageError(
            f"cannot write {printable(path)} as {photo.format}: {first_line(error)}; convert the original to PNG"
        ) from error


def _frames(path: Path, photo: Photo, pixels: Pixels | Sequence[Pixels]) -> list[Frame]:
    """The pictures to encode, with nothing left under what is fully transparent."""
    originals = photo.frames or (Frame(photo.pixels, photo.alpha),)
    given = [pixels] if isinstance(pixels, np.ndarray) else list(pixels)
    if len(given) != len(originals):
        raise ImageError(f"cannot write {printable(path)}: {counted(len(given), 'picture')}; give {len(originals)}")
    frames = []
    for original, own in zip(originals, given, strict=True):
        if own.dtype != np.uint8 or own.shape != original.pixels.shape:
            got = f"{own.dtype} {own.shape}"
            raise ImageError(f"cannot write {printable(path)}: pixels are {got}; give uint8 {original.pixels.shape}")
        if original.alpha is not None:
            own = own.copy()
            own[original.alpha == 0] = 0
        frames.append(Frame(own, original.alpha, original.duration))
    return frames


def _holds(path: Path, data: bytes) -> bool:
    try:
        return read_bytes(path) == data
    except (ImageError, OSError):
        return False
