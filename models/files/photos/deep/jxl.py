"""JPEG XL, by a plugin of Pillow's that `guise[jxl]` installs."""

import warnings
from collections.abc import Mapping
from contextlib import suppress
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageCms
from PIL.ExifTags import Base
from PIL.JpegImagePlugin import JpegImageFile

from guise.models.errors import ImageError
from guise.models.files.photos.containers import HDR_LOST, beside_jpeg, jpeg_parts
from guise.models.files.photos.deep.jxl_header import jxl_header

_TIFF_MARKS = (b"II*\0", b"MM\0*")
_COLOURS = {"RGB": "RGB", "RGBA": "RGB", "L": "L", "LA": "L", "I;16": "L"}  # of what a profile is for
_SRGB_NEAR = 1  # level by which a profile of sRGB may differ from it


def decoded_jxl(file: BytesIO) -> Image.Image:
    """Decode a JPEG XL.

    Args:
        file: whose size has been looked at.

    Returns:
        The picture in sRGB. It is upright where `info` has no "exif" that turns it. `info` has "bit_depth" too, and
        what `beside_jxl` goes by.

    Raises:
        ImageError: it is damaged or an animation, or the plugin is not there.
    """
    data = file.getvalue()
    header = jxl_header(data)
    if header.animated:
        raise ImageError("JPEG XL of several frames is not read; save them one by one")
    library: Any = _library()
    try:
        is_jpeg, told, samples, profile, boxes = library.Decoder(num_threads=1)(data)
    except RuntimeError:  # whose text is about building the plugin
        raise ImageError("it is damaged or cut short; copy or export it again") from None
    image: Image.Image
    if is_jpeg:
        image = JpegImageFile(BytesIO(samples))
        _check_same(image, header.size)
        profile, exif = image.info.get("icc_profile"), image.info.get("exif")
        image = image.copy()
        image.info = {"beside": beside_jpeg(jpeg_parts(samples), samples, 1)}
        if exif is not None:  # it turns the picture: libjxl gives the file as it was
            image.info["exif"] = exif
    elif told.mode == "I;16":
        image = Image.frombytes("I;16", (told.width, told.height), samples)
    elif told.mode in ("L", "LA", "RGB", "RGBA"):
        image = Image.frombytes(told.mode, (told.width, told.height), samples)
    else:
        raise ImageError(f"its samples ({told.mode}) are not read; convert it to 8-bit RGB")
    _check_same(image, header.size)
    image = _in_srgb(image, profile)
    image.format = "JXL"
    image.info["bit_depth"] = header.bits
    return _with_boxes(image, [] if is_jpeg else [(bytes(box.box_type), bytes(box.data)) for box in boxes])


def beside_jxl(info: Mapping[Any, Any]) -> tuple[list[str], list[str]]:
    """Tell what of a JPEG XL a copy does not hold.

    Args:
        info: of the decoded picture.

    Returns:
        What of it people will miss, a line each; and names of metadata.
    """
    notes, left_out = (list(part) for part in info.get("beside", ((), ())))
    notes += [HDR_LOST] if info.get("gain_map") else []
    if info.get("converted"):
        notes.append("its colours are turned into sRGB; those beyond it come out paler")
    if info.get("profile_left_out"):
        notes.append("its colour profile cannot be used; left out")
    return notes, left_out + (["EXIF"] if info.get("packed_exif") else [])


def encode_jxl(image: Image.Image, options: Mapping[str, Any]) -> bytes:
    """A JPEG XL of sRGB.

    Args:
        image: L, LA, RGB or RGBA.
        options: `quality` from 20 to 95, or `lossless`; `effort` from 1 to 9; `exif`.

    Returns:
        The file.

    Raises:
        ImageError: the plugin is not there.
        RuntimeError: it cannot be encoded.
    """
    lossless, exif = bool(options.get("lossless")), options.get("exif")
    encoder = _library().Encoder(
        mode=image.mode,
        lossless=lossless,
        quality=100 if lossless else options["quality"],
        decoding_speed=0,
        effort=options["effort"],
        use_container=exif is not None,
        use_original_profile=False,
        num_threads=1,  # with more, bytes might differ
    )
    # A box of EXIF begins with the place of its tags.
    block = None if exif is None else bytes(4) + exif.removeprefix(b"Exif\0\0")
    data: bytes = encoder(
        image.tobytes(), image.width, image.height, jpeg_encode=False, exif=block, jumb=None, xmp=None, compress=False
    )
    return data


def _library() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import pillow_jxl
    except ImportError:
        raise ImageError('JPEG XL is read with a plugin: run `pip install "guise[jxl]"`') from None
    return pillow_jxl


def _with_boxes(image: Image.Image, boxes: list[tuple[bytes, bytes]]) -> Image.Image:
    """The picture, with what the boxes around it hold."""
    for kind, body in boxes:
        compressed, kind = kind == b"brob", body[:4] if kind == b"brob" else kind
        if kind == b"Exif":
            tags = next((body[at:] for at in (4, 0) if body[at : at + 4] in _TIFF_MARKS), None)
            if tags is None or compressed:
                image.info["packed_exif"] = True
            else:
                image.info["exif"] = b"Exif\0\0" + tags
        elif kind == b"xml ":
            image.info["xmp"] = body
        elif kind == b"jhgm":
            image.info["gain_map"] = True
    if boxes and "exif" in image.info:
        with suppress(Exception):  # hostile bytes raise almost anything
            tags_ = image.getexif()
            if tags_.pop(Base.Orientation, None) is not None:  # the codestream's own holds, and has been applied
                image.info["exif"] = tags_.tobytes()
    return image


def _check_same(image: Image.Image, size: tuple[int, int]) -> None:
    if image.size not in (size, size[::-1]):
        raise ImageError("it is damaged (its header gives another size than its picture has)")


def _in_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """A picture in sRGB, since an encoder takes no other; `info` tells whether that changed it or cannot be done."""
    if not profile or image.mode not in _COLOURS:
        return image
    colours = image
    if image.mode == "I;16":
        colours = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.mode != _COLOURS[image.mode]:
        colours = image.convert(_COLOURS[image.mode])
    try:
        source, srgb = ImageCms.ImageCmsProfile(BytesIO(profile)), ImageCms.createProfile("sRGB")
        transform = ImageCms.buildTransform(source, srgb, colours.mode, "RGB")
        if _is_plain(transform, colours.mode):
            return image
        converted: Any = ImageCms.applyTransform(colours, transform)
    except (ImageCms.PyCMSError, OSError):
        image.info["profile_left_out"] = True
        return image
    if colours.mode == "L":
        converted = converted.convert("L")
    if image.mode in ("LA", "RGBA"):
        converted.putalpha(image.getchannel("A"))
    converted.info = {**image.info, "converted": True}
    return converted  # type: ignore[no-any-return]


def _is_plain(transform: Any, mode: str) -> bool:
    """Whether a transform changes no colour."""
    levels = np.linspace(0, 255, 18).astype(np.uint8)
    if mode == "L":
        probe, wanted = levels[None], np.repeat(levels[None, :, None], 3, axis=2)
    else:
        wanted = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(18, -1, 3)
        probe = wanted
    shown = ImageCms.applyTransform(Image.fromarray(probe), transform)
    return bool(np.abs(np.asarray(shown).astype(int) - wanted).max() <= _SRGB_NEAR)
