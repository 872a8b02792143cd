"""The one place where photos are opened and saved. Files are taken for hostile until decoded."""

import hashlib
import os
import stat
from contextlib import suppress
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, ImageOps
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from guise.models.errors import ImageError
from guise.models.files.atomic import atomic_write
from guise.models.files.headers import SUFFIXES, sniff, webp_header
from guise.models.files.metadata import clean_exif, exif_tags, profile_space
from guise.models.files.names import printable
from guise.models.files.samples import samples

MAX_PIXELS = 100_000_000
MAX_BYTES = 512 * 2**20

# Decoders are called directly: `Image.open` also tries what other packages have registered, and its
# limits are global settings that any of them may have changed.
_DECODERS: dict[str, type[ImageFile.ImageFile]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WEBP": WebPImageFile,
    "TIFF": TiffImageFile,
    "BMP": BmpImageFile,
    "GIF": GifImageFile,  # only to count its frames
}
_READ = "JPEG, PNG, WebP, TIFF and BMP are read"

_SAVE_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "PNG": {"compress_level": 3},
    "TIFF": {"compression": "tiff_adobe_deflate", "tiffinfo": {317: 2}},  # 317: horizontal predictor
    "BMP": {},
}
_WEBP_LOSSLESS: dict[str, Any] = {"lossless": True, "quality": 20, "method": 1, "exact": True}
_WEBP_LOSSY: dict[str, Any] = {"quality": 95, "method": 2}


@dataclass(frozen=True)
class Photo:
    """One decoded photo, and what is needed to write a copy of its kind."""

    pixels: NDArray[np.uint8]
    """(H, W, 3) RGB in 0...255, upright, in the colours of `icc_profile` (sRGB without one)."""
    alpha: NDArray[np.uint8] | None
    """(H, W), 255 is opaque."""
    format: str
    """The format that a copy is written in: "JPEG", "PNG", "WEBP", "TIFF" or "BMP"."""
    grey: bool
    """The file holds one channel, and a copy gets one."""
    lossless: bool
    """A copy holds the pixels bit for bit."""
    icc_profile: bytes | None
    exif: bytes | None
    """All tags but those of `clean_exif`, with orientation 1."""
    sha256: str
    """Of the very bytes that were decoded."""
    notes: tuple[str, ...]
    """What a copy will not carry over exactly, such as "16-bit samples reduced to 8"."""


def read_photo(path: Path) -> Photo:
    """Read one photo, upright.

    The content decides on the format, not the name. At most 100 megapixels, checked before anything is
    decoded, and 512 MiB.

    Raises:
        ImageError: no readable file, damaged or cut short, too large, several frames, or a format or
            kind of samples that is not read.
    """
    try:
        return _decode(_read_bytes(path), path)
    except ImageError as error:
        raise ImageError(f"cannot read {printable(path)}: {error}") from error.__cause__
    except OSError as error:
        reason = error.strerror or f"it is damaged or cut short ({error})"
        raise ImageError(f"cannot read {printable(path)}: {reason}; copy or export it again") from error
    except Exception as error:  # decoders of hostile bytes raise almost anything
        reason = f"it is damaged ({type(error).__name__}: {error})"
        raise ImageError(f"cannot read {printable(path)}: {reason}; copy or export it again") from error


def write_photo(
    path: Path, photo: Photo, pixels: NDArray[np.uint8], *, keep_metadata: bool = False, overwrite: bool = True
) -> None:
    """Write a copy of `photo` with other pixels, atomically; the same arguments give the same bytes.

    The format, the transparency and the colour profile are the photo's. All other metadata is dropped.

    Args:
        path: the file to write; its folder is made when missing.
        photo: the original, as read.
        pixels: uint8 (H, W, 3) of the photo's size; a grey photo keeps their luma only.
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


def plain(photo: Photo, suffix: str = "png") -> Photo:
    """`photo` with copies that hold three channels just as they are given: neither grey nor transparent."""
    return replace(photo, format=suffix.upper(), grey=False, alpha=None, lossless=suffix == "png")


def _holds(path: Path, data: bytes) -> bool:
    try:
        return _read_bytes(path) == data
    except (ImageError, OSError):
        return False


def as_saved(photo: Photo, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What a reader finds where a copy of `photo` is written with `pixels`, uint8 (h, w, 3) of any size."""
    if photo.lossless and not photo.grey:
        return pixels
    plain = replace(photo, alpha=None, icc_profile=None)
    with Image.open(BytesIO(_encode(plain, pixels, exif=None)), formats=[photo.format]) as image:
        return np.asarray(image.convert("RGB"))


def _read_bytes(path: Path) -> bytes:
    """Read a regular file, without waiting on a pipe or waking a device."""
    _check_file(path.stat())
    nonblocking = getattr(os, "O_NONBLOCK", 0)
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | nonblocking)) as file:
        _check_file(os.fstat(file.fileno()))  # what was opened, should it have been swapped
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ImageError("it grew while it was read; try again")
    return data


def _check_file(status: os.stat_result) -> None:
    if stat.S_ISDIR(status.st_mode):
        raise ImageError("it is a folder; name a file")
    if not stat.S_ISREG(status.st_mode):
        raise ImageError("it is a pipe, socket or device; name a regular file")
    if status.st_size == 0:
        raise ImageError("it is empty (0 bytes); copy it again")
    if status.st_size > MAX_BYTES:
        size = f"{status.st_size / 2**20:.0f} MiB"
        raise ImageError(f"it has {size}, the limit is {MAX_BYTES // 2**20}; save it smaller")


def _decode(data: bytes, path: Path) -> Photo:
    found = sniff(data)
    if found not in _DECODERS:
        what = f"{found} is not read" if found else "its content is no known image format"
        raise ImageError(f"{what}; {_READ}: convert it")
    lossless = found != "JPEG"
    if found == "WEBP":
        header = webp_header(data)
        lossless = header.lossless
        _check_size(header.size)
        _check_frames(found, header.frames)
    elif found == "GIF":
        _check_size((int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")))
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise ImageError("PIL.ImageFile.LOAD_TRUNCATED_IMAGES is on, so damage would go unseen; turn it off")
    with _DECODERS[found](BytesIO(data)) as image:
        _check_size(image.size)
        if found != "JPEG":
            _check_frames(found, getattr(image, "n_frames", 1))
        if found == "GIF":
            raise ImageError(f"GIF holds 256 colours, too few for a mask; {_READ}: convert it to PNG")
        image.load()
        notes = _name_notes(found, path)
        if "mp" in image.info:
            notes.append("holds several pictures (MPO); a copy holds the first only")
        exif = _upright(image, notes)
        decoded = samples(image, data, found, notes)
        profile = None if image.mode == "CMYK" else image.info.get("icc_profile")
    format_ = found
    if found == "BMP" and decoded.alpha is not None:
        format_ = "PNG"
        notes.append("BMP with transparency is written back as PNG")
    return Photo(
        pixels=decoded.pixels,
        alpha=decoded.alpha,
        format=format_,
        grey=decoded.grey,
        lossless=lossless,
        icc_profile=_matching_profile(profile, decoded.grey, notes),
        exif=exif,
        sha256=hashlib.sha256(data).hexdigest(),
        notes=tuple(notes),
    )


def _check_size(size: tuple[int, int]) -> None:
    if size[0] * size[1] > MAX_PIXELS:
        megapixels = f"{size[0]}x{size[1]}, {size[0] * size[1] / 1e6:.0f} megapixels"
        raise ImageError(f"it is {megapixels}, the limit is {MAX_PIXELS // 10**6}; save it smaller")


def _check_frames(found: str, frames: int) -> None:
    if frames > 1:
        raise ImageError(f"{found} holds {frames} frames, one is read; save the frame you want as a PNG")


def _name_notes(found: str, path: Path) -> list[str]:
    if SUFFIXES.get(path.suffix.lower(), found) == found:
        return []
    return [f"is {found} in spite of its name {path.suffix}; written back as {found}"]


def _upright(image: ImageFile.ImageFile, notes: list[str]) -> bytes | None:
    """Turn the image as its orientation tag says, and give the EXIF to go with it."""
    exif = None
    try:
        exif = clean_exif(image.getexif())
    except Exception:  # as above
        notes.append("EXIF is damaged and left out")
    with suppress(Exception):  # the orientation may be sound all the same
        ImageOps.exif_transpose(image, in_place=True)
    return exif


def _matching_profile(profile: bytes | None, grey: bool, notes: list[str]) -> bytes | None:
    space = profile_space(profile)
    if profile and space != ("GRAY" if grey else "RGB"):
        notes.append(f"colour profile for {space or 'nothing'} does not fit the pixels; left out")
        return None
    return profile


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
    image.save(buffer, format=photo.format, **options)
    return buffer.getvalue()
