"""Encode pictures as a file of a photo's format, with all that the original says of how it is shown."""

import zlib
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from guise.models.files.photos import density as densities
from guise.models.files.photos.containers import with_metadata_of
from guise.models.files.photos.deep.heic import encode_heic
from guise.models.files.photos.deep.jxl import encode_jxl
from guise.models.files.photos.deep.png import chunk, encode_png
from guise.models.files.photos.deep.tiff import encode_tiff
from guise.models.files.photos.formats import FORMATS
from guise.models.files.photos.jpeg.blocks import block_changes
from guise.models.files.photos.jpeg.layout import BLOCK, CompressedJpeg
from guise.models.files.photos.jpeg.transcoding import changed_blocks
from guise.models.files.photos.metadata import exif_tags
from guise.models.files.photos.photo import Frame, Photo
from guise.models.files.photos.quality import quality_like
from guise.models.files.photos.room import LARGE, put_down
from guise.models.files.photos.silence import quiet_libtiff

_OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 95, "subsampling": 0},
    "PNG": {"compress_level": 3},
    "WEBP": {"quality": 95, "method": 4},
    "TIFF": {"compression": "tiff_adobe_deflate"},
    "BMP": {},
    "GIF": {"optimize": False},
    "HEIC": {"quality": 90, "chroma": "420"},
    "AVIF": {"quality": 90, "speed": 8, "max_threads": 1},  # with more threads bytes may differ
    "JXL": {"quality": 95, "effort": 4},
}
_BY_SIZE = ("WEBP", "HEIC", "AVIF", "JXL")
_LARGE = 50_000_000  # pixels, from which an encoder's second pass would cost too much memory
_LOSSLESS: dict[str, dict[str, Any]] = {
    "WEBP": {"lossless": True, "quality": 20, "method": 1, "exact": True},
    "JXL": {"lossless": True},
}
_PREDICTOR = {317: 2}
_STRIP = 512  # rows
_PNG_HEADER = 33  # bytes of signature and IHDR


def encode(photo: Photo, pictures: Sequence[Frame], exif: bytes | None) -> bytes:
    """Encode pictures. The same arguments give the same bytes.

    Args:
        photo: the original, which decides on the format and on all but the pixels.
        pictures: one, or all frames in their order; with their own transparency.
        exif: a block that `metadata.clean_exif` has made; None without one.

    Returns:
        The file's bytes.

    Raises:
        BlockError: the blocks of a JPEG cannot be kept.
        ImageError, OSError, ValueError, RuntimeError: they cannot be encoded.
    """
    format_ = FORMATS[photo.format]
    if not format_.exif:
        exif = None
    elif format_.density == "exif" and photo.shown.density is not None and exif is None:
        exif = densities.to_exif(photo.shown.density).tobytes()
    if photo.compressed is not None:
        return _with_blocks(photo, photo.compressed, pictures[0], exif)
    deep = None if photo.lower is None else _bytes_of(photo, photo.lower, pictures[0])
    if deep is not None and photo.format == "PNG":
        return encode_png(*deep, _png_chunks(photo, exif))
    if deep is not None and photo.format == "TIFF":
        return encode_tiff(*deep, _tiff_options(photo, exif)["tiffinfo"], photo.icc_profile)
    images = [] if deep is not None else [_image(photo, picture) for picture in pictures]
    options = _OPTIONS[photo.format] | (_LOSSLESS.get(photo.format, {}) if photo.lossless else {})
    options |= photo.shown.options
    if photo.format in _BY_SIZE and not photo.lossless and photo.shown.stored:
        options["quality"] = _quality(photo, options)
    if "qtables" in options:
        del options["quality"]  # it would scale the tables
        options["optimize"] = photo.pixels.size < 3 * _LARGE
    if photo.icc_profile:
        options["icc_profile"] = photo.icc_profile
    if len(pictures) > 1:
        options |= {"save_all": True, "append_images": images[1:]}
        durations = [picture.duration for picture in pictures]
        if any(duration is not None for duration in durations):
            options["duration"] = [round(duration or 0) for duration in durations]
        if photo.format == "GIF":
            options["disposal"] = 2 if photo.alpha is not None else 1
    if photo.format == "TIFF":
        options |= _tiff_options(photo, exif)
    elif exif:
        options["exif"] = exif
    if photo.format == "BMP" and photo.shown.density is not None:
        options["dpi"] = photo.shown.density.per("inch")
    if deep is not None:
        return encode_heic([deep[0].astype(np.uint16) << 8 | deep[1]], options)
    with quiet_libtiff():
        data = _data(photo.format, images, options)
    if photo.format == "JPEG" and photo.shown.density is not None:
        data = densities.into_jfif(data, photo.shown.density)
    if photo.format == "PNG":
        data = _with_chunks(data, photo)
    return _without_times(data) if photo.format == "AVIF" else data


def _with_blocks(photo: Photo, compressed: CompressedJpeg, picture: Frame, exif: bytes | None) -> bytes:
    """A JPEG that keeps the blocks that are not changed; its metadata are those of a small one."""
    small = Frame(np.zeros((BLOCK, BLOCK, 3), np.uint8), None)
    metadata = encode(replace(photo, compressed=None), [small], exif)
    changes = block_changes(photo.pixels, picture.pixels, compressed.layout)
    return with_metadata_of(changed_blocks(compressed, changes), metadata)


def _bytes_of(photo: Photo, lower: np.ndarray, picture: Frame) -> tuple[np.ndarray, np.ndarray]:
    """Upper and lower bytes of samples that have more than 8 bits."""
    colour = np.asarray(_pillow(picture.pixels).convert("L"))[..., None] if photo.single_channel else picture.pixels
    if picture.alpha is None:
        return colour, lower
    return np.dstack([colour, picture.alpha]), np.where(picture.alpha[..., None] == 0, np.uint8(0), lower)


def _png_chunks(photo: Photo, exif: bytes | None) -> list[tuple[bytes, bytes]]:
    """What a PNG of 16 bits says of how it is shown."""
    chunks = list(photo.shown.chunks)
    if photo.icc_profile:
        chunks.append((b"iCCP", b"profile\0\0" + zlib.compress(photo.icc_profile)))
    if photo.shown.density is not None:
        chunks.append((b"pHYs", densities.to_phys(photo.shown.density)))
    if exif:
        chunks.append((b"eXIf", exif.removeprefix(b"Exif\0\0")))
    return chunks


def _quality(photo: Photo, options: dict[str, Any]) -> int:
    """At which the original takes about as many bytes as it does."""

    def size(pixels: np.ndarray, quality: int) -> int:
        return len(_data(photo.format, [Image.fromarray(pixels)], options | {"quality": quality}))

    first = photo.frames[0].pixels if photo.frames else photo.pixels
    return quality_like((photo.sha256, photo.format), first, photo.shown.stored, size)


def _image(photo: Photo, picture: Frame) -> Image.Image:
    image = _pillow(picture.pixels)
    if photo.single_channel:
        image = image.convert("L")
    if picture.alpha is not None:
        image.putalpha(Image.fromarray(picture.alpha))
    return _palette(image) if FORMATS[photo.format].palette else image


def _pillow(pixels: np.ndarray) -> Image.Image:
    if pixels.size < LARGE:
        return Image.fromarray(pixels)
    image = Image.new("RGB", (pixels.shape[1], pixels.shape[0]))
    for top in range(0, len(pixels), _STRIP):
        image.paste(Image.fromarray(pixels[top : top + _STRIP]), (0, top))
        put_down(pixels)
    return image


def _palette(image: Image.Image) -> Image.Image:
    """At most 256 colours, the nearest that this picture has, with the error spread among neighbours."""
    if not image.has_transparency_data:
        return image.quantize(256, Image.Quantize.MEDIANCUT, dither=Image.Dither.FLOYDSTEINBERG)
    alpha = np.asarray(image.getchannel("A"))
    coloured = image.convert("RGB").quantize(255, Image.Quantize.MEDIANCUT, dither=Image.Dither.FLOYDSTEINBERG)
    indices = np.where(alpha < 128, 255, np.asarray(coloured)).astype(np.uint8)
    result = Image.fromarray(indices, "P")
    result.putpalette([*(coloured.getpalette() or [])[:765], 0, 0, 0])
    result.info["transparency"] = 255
    return result


def _data(format_: str, images: Sequence[Image.Image], options: dict[str, Any]) -> bytes:
    if format_ == "HEIC":
        return encode_heic(images, options)
    if format_ == "JXL":
        return encode_jxl(images[0], options)
    buffer = BytesIO()
    images[0].save(buffer, format=format_, **options)
    return buffer.getvalue()


def _without_times(data: bytes) -> bytes:
    """A file of boxes that does not tell when it was written: the same pictures give the same bytes."""
    at = data.find(b"moov")
    if at < 0:
        return data
    timeless = bytearray(data)
    for name in (b"mvhd", b"tkhd", b"mdhd"):  # version and flags, then time of creation and of change
        place = data.find(name, at)
        while 0 <= place < len(data) - 24:
            length = 16 if data[place + 4] == 1 else 8
            timeless[place + 8 : place + 8 + length] = bytes(length)
            place = data.find(name, place + 4, at + int.from_bytes(data[at - 4 : at], "big"))
    return bytes(timeless)


def _tiff_options(photo: Photo, exif: bytes | None) -> dict[str, Any]:
    tags: Any = dict(photo.shown.tags)
    # Pillow writes blocks of tags into uncompressed TIFF only.
    options: dict[str, Any] = {"compression": "raw"} if exif else {}
    if exif:
        kept = exif_tags(exif)
        for tag, value in tags.items():
            kept[tag] = value
        tags = kept
    else:
        tags |= _PREDICTOR
    density = photo.shown.density
    if density is not None:
        for tag, value in densities.to_exif(density).items():
            tags[tag] = value
    return {**options, "tiffinfo": tags}


def _with_chunks(data: bytes, photo: Photo) -> bytes:
    """A PNG with the chunks that tell how it is shown, in front of all others."""
    chunks = list(photo.shown.chunks)
    if photo.shown.density is not None:
        chunks.append((b"pHYs", densities.to_phys(photo.shown.density)))
    written = b"".join(chunk(kind, body) for kind, body in chunks)
    return data[:_PNG_HEADER] + written + data[_PNG_HEADER:]
