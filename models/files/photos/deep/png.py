"""PNGs of 16 bits a sample."""

import struct
import zlib
from collections.abc import Sequence
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL.PngImagePlugin import PngImageFile

from guise.models.files.photos.room import LARGE

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_COLOUR_TYPES = {1: 0, 2: 4, 3: 2, 4: 6}  # by the number of channels
_UP = 2  # filter: each row less the one above
_LEVEL = 6


def lower_bytes(data: bytes) -> NDArray[np.uint8] | None:
    """The lower bytes of a PNG's samples, as they are stored.

    Args:
        data: of a file that Pillow decodes.

    Returns:
        uint8 (H, W, 1, 3 or 4); None where its samples have no 16 bits, where one level of its colours is transparent,
        or where it is so large that they may not fit the memory.
    """
    with PngImageFile(BytesIO(data)) as image:
        if data[24] != 16 or image.width * image.height * 4 > LARGE or "transparency" in image.info:
            return None
        (codec, box, offset, how), *more = image.tile
        if how == "I;16B" and not more:
            return (np.asarray(image) & 0xFF).astype(np.uint8)[..., None]
        if how not in ("RGB;16B", "RGBA;16B") or more:
            return None
        # Pillow keeps the byte that comes first: told that the order is the other one, it gives the lower bytes.
        image.tile = [type(image.tile[0])(codec, box, offset, how[:-1] + "L")]
        return np.array(image)


def encode_png(upper: NDArray[np.uint8], lower: NDArray[np.uint8], chunks: Sequence[tuple[bytes, bytes]]) -> bytes:
    """A PNG of 16 bits a sample, which Pillow does not write.

    Args:
        upper: uint8 (H, W, 1 to 4), grey or RGB, with alpha or without.
        lower: of the same shape.
        chunks: that stand before the picture: kinds and bodies.

    Returns:
        The file.
    """
    height, width, channels = upper.shape
    rows = np.stack([upper, lower], axis=-1).reshape(height, -1)
    filtered = np.empty((height, rows.shape[1] + 1), np.uint8)
    filtered[:, 0] = _UP
    filtered[0, 1:] = rows[0]
    filtered[1:, 1:] = rows[1:] - rows[:-1]
    header = struct.pack(">IIBBBBB", width, height, 16, _COLOUR_TYPES[channels], 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(filtered.data, _LEVEL)), (b"IEND", b"")]
    return _SIGNATURE + b"".join(chunk(kind, body) for kind, body in parts)


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG.

    Args:
        kind: four letters.
        body: its content.

    Returns:
        The chunk with its length and sum.
    """
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
