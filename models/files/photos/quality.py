"""How strongly to compress a copy whose format does not tell how its original was compressed: as small as that is."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

_LEAST, _MOST = 20, 95
_LARGER = 1.1  # than the original, by which a copy may be before it has a mask
_TILE, _PIXELS = 128, 512 * 512  # a large picture is judged by tiles from all over it
_REMEMBERED = 64

_known: dict[tuple[str, str], int] = {}


def quality_like(
    name: tuple[str, str], pixels: NDArray[np.uint8], stored: float, encoded: Callable[[NDArray[np.uint8], int], int]
) -> int:
    """The highest quality at which the original takes about as many bytes as it does.

    Args:
        name: hash and format of the original, by which an answer is remembered.
        pixels: uint8 (H, W, 3) of the original.
        stored: bytes that they take in its file.
        encoded: how many bytes some pixels take at a quality.

    Returns:
        The quality, from 20 to 95.
    """
    if name not in _known:
        sample = _sample(pixels)
        most = _LARGER * stored * sample.size / pixels.size
        low, high = _LEAST, _MOST
        while low < high:
            middle = (low + high + 1) // 2
            low, high = (middle, high) if encoded(sample, middle) <= most else (low, middle - 1)
        while len(_known) >= _REMEMBERED:
            _known.pop(next(iter(_known)))
        _known[name] = low
    return _known[name]


def _sample(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    height, width = pixels.shape[:2]
    if height * width <= 2 * _PIXELS or min(height, width) < _TILE:
        return pixels
    count = int(np.sqrt(_PIXELS)) // _TILE
    tops, lefts = (np.linspace(0, length - _TILE, count).astype(int) // 16 * 16 for length in (height, width))
    rows = [np.concatenate([pixels[top : top + _TILE, left : left + _TILE] for left in lefts], axis=1) for top in tops]
    return np.concatenate(rows)
