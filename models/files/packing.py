"""Small integer arrays as text, for manifests."""

import base64
import zlib

import numpy as np


def pack(values: np.ndarray) -> str:
    """int8 `values` as ASCII text; their shape is not kept."""
    return base64.b85encode(zlib.compress(np.ascontiguousarray(values, dtype=np.int8).tobytes(), 9)).decode()


def unpack(text: str, shape: tuple[int, ...]) -> np.ndarray:
    """The int8 values of that shape that `pack` made into `text`.

    Raises:
        ValueError: the text is damaged, or of another shape.
    """
    try:
        return np.frombuffer(zlib.decompress(base64.b85decode(text)), np.int8).reshape(shape)
    except zlib.error as error:
        raise ValueError(str(error)) from None
