"""Open and decode a photo. Files are taken for hostile until they are decoded."""

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from PIL.ExifTags import Base

from guise.models.errors import ImageError, first_line
from guise.models.files.atomic import Attributes
from guise.models.files.headers import RAW_SUFFIXES, SUFFIXES, sniff, webp_header
from guise.models.files.names import printable
from guise.models.files.photos.colours import unusual_gamma, with_usual_gamma, without_gamma
from guise.models.files.photos.containers import jpeg_parts
from guise.models.files.photos.decoding import lacks_end_only, opened, pictures, with_end
from guise.models.files.photos.deep.bigtiff import is_big_endian, plain_tiff
from guise.models.files.photos.deep.jxl_header import jxl_header
from guise.models.files.photos.formats import FORMATS, READ
from guise.models.files.photos.jpeg.layout import COMPRESSED_ANEW, CompressedJpeg, layout_of
from guise.models.files.photos.live import live_note
from guise.models.files.photos.metadata import profile_space
from guise.models.files.photos.photo import Frame, Photo
from guise.models.files.photos.samples import reduced_to_8
from guise.models.files.photos.silence import quiet_libtiff
from guise.models.files.photos.surroundings import surroundings

_LOSSLESS = {"PNG", "TIFF", "BMP"}
MAX_BYTES = 1024 * 2**20


def read_photo(path: Path) -> Photo:
    """Read one photo, upright.

    The content decides on the format, not the name. A photo may have 200 megapixels, all frames of an animation
    together, checked before anything is decoded, and 1 GiB.

    Args:
        path: the file. It is not changed.

    Returns:
        The decoded photo, with everything that a copy needs.

    Raises:
        ImageError: the file is missing, unreadable, damaged, cut short or too large, or has a format or a kind of
            samples that is not read.
    """
    with _explained(path):
        data, attributes = _read(path)
        return _decode(data, path, attributes)


def decode_photo(data: bytes, name: str) -> Photo:
    """Decode one photo that lies in another file, such as a table, with the limits of `read_photo`.

    Args:
        data: the bytes of a file.
        name: what to call it in messages; its suffix decides nothing.

    Returns:
        The decoded photo.

    Raises:
        ImageError: the bytes are empty, damaged, cut short or too large, or of a format that is not read.
    """
    with _explained(Path(name)):
        if not data:
            raise ImageError("it is empty (0 bytes); copy it again")
        if len(data) > MAX_BYTES:
            raise ImageError(f"it has {len(data) / 2**20:.0f} MiB, the limit is {MAX_BYTES // 2**20}; save it smaller")
        return _decode(data, Path(name), Attributes(0o600, 0))


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Whatever a decoder raises, as one line that names the file."""
    try:
        with quiet_libtiff():
            yield
    except ImageError as error:
        raise ImageError(f"cannot read {printable(path)}: {error}") from error.__cause__
    except OSError as error:
        reason = error.strerror or f"it is damaged or cut short ({first_line(error)})"
        raise ImageError(f"cannot read {printable(path)}: {reason}; copy or export it again") from error
    except Exception as error:  # decoders of hostile bytes raise almost anything
        reason = f"it is damaged ({type(error).__name__}: {first_line(error)})"
        raise ImageError(f"cannot read {printable(path)}: {reason}; copy or export it again") from error


def read_bytes(path: Path) -> bytes:
    """Read a regular file, without waiting on a pipe or waking a device.

    Args:
        path: the file.

    Returns:
        Its content.

    Raises:
        ImageError: it is no regular file, is empty, or is larger than 1 GiB.
        OSError: the system refuses to read it.
    """
    return _read(path)[0]


def _read(path: Path) -> tuple[bytes, Attributes]:
    _check_file(path.stat())
    nonblocking = getattr(os, "O_NONBLOCK", 0)
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | nonblocking)) as file:
        status = os.fstat(file.fileno())
        _check_file(status)  # what was opened, should it have been swapped
        data = file.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise ImageError("it grew while it was read; try again")
    return data, Attributes(stat.S_IMODE(status.st_mode), status.st_mtime_ns)


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


def _decode(data: bytes, path: Path, attributes: Attributes) -> Photo:
    kind = _kind(data, path)
    notes = _name_notes(kind, path)
    encoded, parts = data, None
    if kind == "JPEG":
        parts = jpeg_parts(data)
        if lacks_end_only(data, parts):
            notes.append("its end marker is missing, and nothing else; a copy has one")
            encoded = with_end(data)
    elif kind == "TIFF" and is_big_endian(data):
        encoded = plain_tiff(data)
    with opened(kind, encoded) as image:
        live = live_note(image, path) if kind in ("HEIC", "JPEG") else None
        notes += [] if live is None else [live]
        beside = surroundings(image, encoded, kind, parts, notes)
        orientation = image.getexif().get(Base.Orientation, 1)
        layout = layout_of(image, orientation) if kind == "JPEG" else None
        notes += [COMPRESSED_ANEW] if kind == "JPEG" and layout is None and image.mode != "CMYK" else []
        decoded = pictures(image, encoded, kind, notes)
        cmyk = image.mode == "CMYK"
    first = decoded[0].samples
    format_ = kind
    if first.alpha is not None and not FORMATS[kind].alpha:
        format_ = "PNG"
        notes.append(f"{FORMATS[kind].name} with transparency is written back as PNG")
    shown, pixels = beside.shown, first.pixels
    if format_ != kind:
        shown = replace(shown, options={}, stored=0.0)
    gamma = unusual_gamma(shown.chunks) if len(decoded) == 1 else None
    if gamma is not None:
        pixels, shown = with_usual_gamma(pixels, gamma), replace(shown, chunks=without_gamma(shown.chunks))
        notes.append(f"its gamma of {gamma:g} is turned into the usual one; it looks the same")
        notes += [] if first.lower is None else [reduced_to_8(16)]
    several = len(decoded) > 1
    return Photo(
        pixels=pixels,
        alpha=first.alpha,
        format=format_,
        grey=all(picture.samples.grey for picture in decoded),
        lossless=_is_lossless(kind, data),
        icc_profile=None if cmyk else _matching_profile(beside.icc_profile, format_, first.single_channel, notes),
        exif=beside.exif,
        sha256=hashlib.sha256(data).hexdigest(),
        notes=tuple(dict.fromkeys(notes)),
        single_channel=first.single_channel and not several,
        shown=shown,
        frames=tuple(Frame(p.samples.pixels, p.samples.alpha, p.duration) for p in decoded) if several else (),
        left_out=beside.left_out,
        attributes=attributes,
        compressed=None if layout is None else CompressedJpeg(encoded[: parts.end if parts else None], layout),
        lower=first.lower if gamma is None and format_ == kind else None,
    )


def _is_lossless(kind: str, data: bytes) -> bool:
    if kind == "WEBP":
        return webp_header(data).lossless
    return jxl_header(data).lossless if kind == "JXL" else kind in _LOSSLESS


def _kind(data: bytes, path: Path) -> str:
    kind = sniff(data)
    suffix = path.suffix.lower()
    if kind == "TIFF" and suffix in RAW_SUFFIXES:  # what a reader of TIFF finds first is a preview
        kind = SUFFIXES[suffix]
    if kind in FORMATS:
        return str(kind)
    named = kind or SUFFIXES.get(suffix)
    unknown = named is None or (kind is None and named in FORMATS)
    what = "its content is no known image format" if unknown else f"{named} is not read"
    raise ImageError(f"{what}; {READ} are: convert it")


def _name_notes(kind: str, path: Path) -> list[str]:
    if SUFFIXES.get(path.suffix.lower(), kind) == kind:
        return []
    name = FORMATS[kind].name
    return [f"is {name} in spite of its name {path.suffix}; written back as {name}"]


def _matching_profile(profile: bytes | None, format_: str, grey: bool, notes: list[str]) -> bytes | None:
    if not profile:
        return None
    space = profile_space(profile)
    if space != ("GRAY" if grey else "RGB"):
        notes.append(f"colour profile for {space or 'nothing'} does not fit the pixels; left out")
        return None
    if not FORMATS[format_].icc:
        notes.append(f"{FORMATS[format_].name} holds no colour profile; left out")
        return None
    return profile
