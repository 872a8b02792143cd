"""Decode the pictures of a file, after its header has said how large they are."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageFile, ImageOps
from PIL.AvifImagePlugin import AvifImageFile
from PIL.BmpImagePlugin import BmpImageFile
from PIL.ExifTags import Base
from PIL.GifImagePlugin import GifImageFile
from PIL.JpegImagePlugin import JpegImageFile
from PIL.PngImagePlugin import PngImageFile
from PIL.TiffImagePlugin import TiffImageFile
from PIL.WebPImagePlugin import WebPImageFile

from guise.models.errors import ImageError
from guise.models.files.headers import webp_header
from guise.models.files.photos.containers import JpegParts
from guise.models.files.photos.deep.heic import levels_of
from guise.models.files.photos.deep.jxl import decoded_jxl
from guise.models.files.photos.deep.jxl_header import jxl_header
from guise.models.files.photos.deep.tiff import read_planes
from guise.models.files.photos.samples import Samples, samples, samples_of_levels, turns_by_strips

MAX_PIXELS = 200_000_000
_END = b"\xff\xd9"
_PREVIEW = 1  # bit of a TIFF's NewSubfileType: a smaller version of another page
_DNG_VERSION = 50706


def _heif(file: BytesIO) -> ImageFile.ImageFile:
    from pillow_heif.as_plugin import HeifImageFile  # a large library, which few photos need

    return HeifImageFile(file)  # type: ignore[no-untyped-call]


# Decoders are called directly: `Image.open` also tries what other packages have registered, and its
# limits are global settings that any of them may have changed.
_DECODERS: dict[str, Callable[[BytesIO], Image.Image]] = {
    "JPEG": JpegImageFile,
    "PNG": PngImageFile,
    "WEBP": WebPImageFile,
    "TIFF": TiffImageFile,
    "BMP": BmpImageFile,
    "GIF": GifImageFile,
    "HEIC": _heif,
    "AVIF": AvifImageFile,
    "JXL": decoded_jxl,
}


@dataclass(frozen=True)
class Picture:
    """One decoded picture of a file.

    Attributes:
        samples: upright.
        duration: how long it is shown, in milliseconds; None where the file does not tell.
    """

    samples: Samples
    duration: float | None


@contextmanager
def opened(kind: str, data: bytes) -> Iterator[Image.Image]:
    """Open a file, and decode nothing yet.

    Args:
        kind: its format, as `headers.sniff` names it.
        data: its bytes.

    Yields:
        The image; `size`, `info` and tags are there.

    Raises:
        ImageError: it is too large, or a camera's raw samples.
        Exception: its header is damaged; whatever decoders raise.
    """
    if ImageFile.LOAD_TRUNCATED_IMAGES:
        raise ImageError("PIL.ImageFile.LOAD_TRUNCATED_IMAGES is on, so damage would go unseen; turn it off")
    if kind == "WEBP":  # its decoder sets memory aside at once
        header = webp_header(data)
        _check_size(header.size, header.frames)
    elif kind == "GIF":
        _check_size((int.from_bytes(data[6:8], "little"), int.from_bytes(data[8:10], "little")))
    elif kind == "JXL":  # as WebP's
        _check_size(jxl_header(data).size)
    with _DECODERS[kind](BytesIO(data)) as image:
        _check_size(image.size)
        if isinstance(image, TiffImageFile) and _DNG_VERSION in image.tag_v2:
            raise ImageError("DNG is not read: develop it, and protect the picture that comes out")
        yield image


def pictures(image: Image.Image, data: bytes, kind: str, notes: list[str]) -> list[Picture]:
    """Decode all pictures of a file that a copy is to hold.

    Args:
        image: opened.
        data: the file's bytes.
        kind: its format.
        notes: a list to which one line is added for each loss.

    Returns:
        At least one.

    Raises:
        ImageError: all together are too large, or samples are of a kind that is not read.
        Exception: the file is damaged; whatever decoders raise.
    """
    # What HEIC and MPO hold besides the first are other pictures, not frames.
    count = 1 if kind in ("JPEG", "HEIC") else int(getattr(image, "n_frames", 1))
    if count == 1:
        return [_single(image, data, kind, notes)]
    if kind != "TIFF":
        _check_size(image.size, count)
    decoded, left = [], MAX_PIXELS
    for number in range(count):
        image.seek(number)
        if isinstance(image, TiffImageFile) and int(image.tag_v2.get(Base.NewSubfileType, 0)) & _PREVIEW:
            notes.append("a thumbnail in it is left out")
            continue
        left -= image.size[0] * image.size[1]
        if left < 0:
            raise ImageError(f"its {count} pictures have more than {MAX_PIXELS // 10**6} megapixels; save it smaller")
        read_planes(image)
        image.load()
        duration = image.info.get("duration")
        upright = image.copy()
        with suppress(Exception):  # as above
            if kind != "TIFF":  # whose decoder has turned it
                upright = ImageOps.exif_transpose(image)
        upright.info.update(image.info)
        decoded.append(Picture(samples(upright, data, kind, notes, source=image), duration))
    if not decoded:
        raise ImageError("it holds thumbnails only; copy or export it again")
    return decoded


def _single(image: Image.Image, data: bytes, kind: str, notes: list[str]) -> Picture:
    levels = None
    if kind == "HEIC" and int(image.info.get("bit_depth", 8)) > 8:
        levels = levels_of(data, image.size)
    if levels is not None:
        return Picture(samples_of_levels(levels, int(image.info["bit_depth"]), notes), None)
    read_planes(image)
    image.load()
    duration = image.info.get("duration")
    orientation, strips = 1, turns_by_strips(image)
    with suppress(Exception):  # hostile bytes raise almost anything
        if kind != "TIFF":  # whose decoder has turned it
            orientation = image.getexif().get(Base.Orientation, 1)
        if not strips or kind == "TIFF":
            ImageOps.exif_transpose(image, in_place=True)
    return Picture(samples(image, data, kind, notes, orientation=orientation, strips=strips), duration)


def lacks_end_only(data: bytes, parts: JpegParts) -> bool:
    """Tell whether a JPEG is whole but for its end marker.

    A decoder makes up what is missing from what follows. So where two different endings give the same picture, nothing
    of it is missing.

    Args:
        data: the file's bytes.
        parts: of the file.

    Returns:
        Whether it is; False where the marker is there.

    Raises:
        ImageError: it is too large.
        Exception: it is damaged; whatever the decoder raises.
    """
    if parts.end is not None or not parts.complete:
        return False
    entropy = np.random.default_rng(0).integers(1, 0xFE, 256, dtype=np.uint8).tobytes()
    whole, other = (_decoded(data.rstrip(b"\xff") + ending) for ending in (_END, entropy + _END))
    return bool(np.array_equal(whole, other))


def with_end(data: bytes) -> bytes:
    """A JPEG with the end marker that it lacks.

    Args:
        data: the file's bytes.

    Returns:
        What decodes.
    """
    return data.rstrip(b"\xff") + _END


def _decoded(data: bytes) -> np.ndarray:
    with opened("JPEG", data) as image:
        return np.asarray(image)


def _check_size(size: tuple[int, int], frames: int = 1) -> None:
    pixels = size[0] * size[1] * max(frames, 1)
    if pixels > MAX_PIXELS:
        shape = f"{size[0]}x{size[1]}" + (f" in {frames} frames" if frames > 1 else "")
        what = f"it is {shape}, {pixels / 1e6:.0f} megapixels, the limit is {MAX_PIXELS // 10**6}"
        raise ImageError(f"{what}; save it smaller")


def loops(image: Any) -> int | None:
    """How often an animation is shown.

    Args:
        image: opened.

    Returns:
        A number, 0 for ever; None where it does not tell.
    """
    value = image.info.get("loop")
    return value if isinstance(value, int) and 0 <= value < 65_536 else None
