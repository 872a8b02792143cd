"""Open and decode a photo. Files are taken for hostile until they are decoded."""

import hashlib
import os
import stat
from contextlib import suppress
from io import BytesIO
from pathlib import Path

from PIL import ImageFile, ImageOps
from PIL.BmpImagePlugin import BmpImageFile
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from guise.models.errors import ImageError
from guise.models.files.headers import SUFFIXES, sniff, webp_header
from guise.models.files.names import printable
from guise.models.files.photos.metadata import clean_exif, profile_space
from guise.models.files.photos.photo import Photo
from guise.models.files.photos.samples import samples
from guise.models.files.photos.silence import quiet_libtiff

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


def read_photo(path: Path) -> Photo:
    """Read one photo, upright.

    The content decides on the format, not the name. A photo may have 100 megapixels, checked before anything is
    decoded, and 512 MiB.

    Args:
        path: the file. It is not changed.

    Returns:
        The decoded photo, with everything that a copy needs.

    Raises:
        ImageError: the file is missing, unreadable, damaged, cut short or too large, holds several frames, or has a
            format or a kind of samples that is not read.
    """
    try:
        with quiet_libtiff():
            return _decode(read_bytes(path), path)
    except ImageError as error:
        raise ImageError(f"cannot read {printable(path)}: {error}") from error.__cause__
    except OSError as error:
        reason = error.strerror or f"it is damaged or cut short ({error})"
        raise ImageError(f"cannot read {printable(path)}: {reason}; copy or export it again") from error
    except Exception as error:  # decoders of hostile bytes raise almost anything
        reason = f"it is damaged ({type(error).__name__}: {error})"
        raise ImageError(f"cannot read {printable(path)}: {reason}; copy or export it again") from error


def read_bytes(path: Path) -> bytes:
    """Read a regular file, without waiting on a pipe or waking a device.

    Args:
        path: the file.

    Returns:
        Its content.

    Raises:
        ImageError: it is no regular file, is empty, or is larger than 512 MiB.
        OSError: the system refuses to read it.
    """
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
    kind = sniff(data)
    if kind not in _DECODERS:
        what = f"{kind} is not read" if kind else "its content is no known image format"
        raise ImageError(f"{what}; {_READ}: convert it")
    lossless = kind != "JPEG"
    if kind == "WEBP":
        header = webp_header(data)
        lossless = header.lossless
        _check_size(header.size)
        _check_frames(kind, header.frames)
    elif kind == "GIF":
        _check_size((int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")))
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise ImageError("PIL.ImageFile.LOAD_TRUNCATED_IMAGES is on, so damage would go unseen; turn it off")
    with _DECODERS[kind](BytesIO(data)) as image:
        _check_size(image.size)
        if kind != "JPEG":
            _check_frames(kind, getattr(image, "n_frames", 1))
        if kind == "GIF":
            raise ImageError(f"GIF holds 256 colours, too few for a mask; {_READ}: convert it to PNG")
        image.load()
        notes = _name_notes(kind, path)
        if "mp" in image.info:
            notes.append("holds several pictures (MPO); a copy holds the first only")
        exif = _upright(image, notes)
        decoded = samples(image, data, kind, notes)
        profile = None if image.mode == "CMYK" else image.info.get("icc_profile")
    format_ = kind
    if kind == "BMP" and decoded.alpha is not None:
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


def _check_frames(kind: str, frames: int) -> None:
    if frames > 1:
        raise ImageError(f"{kind} holds {frames} frames, one is read; save the frame you want as a PNG")


def _name_notes(kind: str, path: Path) -> list[str]:
    if SUFFIXES.get(path.suffix.lower(), kind) == kind:
        return []
    return [f"is {kind} in spite of its name {path.suffix}; written back as {kind}"]


def _upright(image: ImageFile.ImageFile, notes: list[str]) -> bytes | None:
    """Turn the image as its orientation tag says, and give the EXIF to go with it."""
    exif = None
    try:
        exif = clean_exif(image.getexif())
    except Exception:  # hostile bytes raise almost anything
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
