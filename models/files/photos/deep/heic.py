"""HEIC of 10 and 12 bits a sample, as phones and cameras make it; and writing HEIC of any."""

from collections.abc import Mapping, Sequence
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from guise.models.errors import ImageError
from guise.models.files.photos.room import LARGE

_CHANNELS = {"I;16": 1, "RGB;16": 3, "RGBA;16": 4}
_MODES = {channels: mode for mode, channels in _CHANNELS.items()}
_PRESET = "ultrafast"  # of x265: a sixth of the time, for as many bytes


def levels_of(data: bytes, size: tuple[int, int]) -> NDArray[np.uint16] | None:
    """All bits of a HEIC's samples.

    Pillow has libheif reduce them, by way of colours of 8 bits, so what it shows is not always their upper byte.

    Args:
        data: the file.
        size: width and height, as Pillow tells them.

    Returns:
        uint16 (H, W, 1, 3 or 4), upright, from 0 to 65535; None where they have 8 bits, are stored in an unusual way,
        or are so many that they may not fit the memory.
    """
    from pillow_heif.heif import HeifFile  # a large library, which few photos need

    if size[0] * size[1] * 4 > LARGE:
        return None
    file: Any = HeifFile(data, convert_hdr_to_8bit=False)  # type: ignore[no-untyped-call]
    image = file[file.primary_index]
    channels = _CHANNELS.get(image.mode)
    if channels is None or image.size != size:
        return None
    levels = np.asarray(image)
    return levels.reshape(size[1], size[0], channels) if levels.size == size[0] * size[1] * channels else None


def encode_heic(pictures: Sequence[Image.Image | NDArray[np.uint16]], options: Mapping[str, Any]) -> bytes:
    """A HEIC.

    Args:
        pictures: one, of 8 bits as an image, or of more as uint16 (H, W, 1, 3 or 4) from 0 to 65535.
        options: of the encoder, profile and EXIF; with levels, `bit_depth` too.

    Returns:
        The file.

    Raises:
        ImageError: there are several.
        OSError, ValueError, RuntimeError: it cannot be encoded.
    """
    import pillow_heif

    if len(pictures) > 1:
        raise ImageError("HEIC of several frames cannot be written; save them one by one")
    picture, buffer, options = pictures[0], BytesIO(), dict(options)
    if isinstance(picture, np.ndarray):
        height, width, channels = picture.shape
        heif = pillow_heif.from_bytes(_MODES[channels], (width, height), picture.astype("<u2").tobytes())
    else:
        heif = pillow_heif.from_pillow(picture)
    nclx = options.pop("nclx_profile", None)
    if nclx is not None:
        heif.info["nclx_profile"] = nclx
    for name in ("icc_profile", "exif"):
        if options.get(name) is not None:
            heif.info[name] = options.pop(name)
    heif.save(buffer, enc_params={"preset": _PRESET}, **options)
    return buffer.getvalue()
