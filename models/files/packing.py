"""Small integer arrays as text, for manifests."""

import base64
import zlib

import numpy as np

_MOST = 1 << 20  # values; the largest array is a mask of 3 x 160 x 160


def pack(values: np.ndarray) -> str:
    """Integers as text.

    Args:
        values: int8, of any shape. The shape is not kept.

    Returns:
        ASCII text.
    """
    return base64.b85encode(zlib.compress(np.ascontiguousarray(values, dtype=np.int8).tobytes(), 9)).decode()


def unpack(text: str, shape: tuple[int, ...]) -> np.ndarray:
    """The integers that `pack` made into text.

    Args:
        text: what `pack` has returned.
        shape: of the values.

    Returns:
        int8 values of that shape.

    Raises:
        ValueError: the text is damaged, or of another shape.
    """
    try:
        # No more is unpacked than fits: a few bytes of a hostile text could fill the memory.
        unpacker = zlib.decompressobj()
        values = unpacker.decompress(base64.b85decode(text), _MOST)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if not unpacker.eof:
        raise ValueError("packed values are cut short, or too many")
    return np.frombuffer(values, np.int8).reshape(shape)
