"""Arrays of any usual range as bytes; what their range says of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from guise.models.errors import InputError

_LEAST_SHARE = 0.1
"""Of what a type holds. Images that fill less are nearly flat, or were stored in another range than their type has."""
_WANTED = "give floats in [0, 1] or integers 0 to 255"


@dataclass(frozen=True)
class Pixels:
    """Images as bytes.

    Attributes:
        images: uint8 (N, H, W, 1 or 3).
        values: type, range and bits as they were stored.
        doubt: what is odd about their range; "" where nothing is.
    """

    images: np.ndarray
    values: str
    doubt: str


def as_bytes(images: np.ndarray, where: str) -> Pixels:
    """Images of integers or floats as bytes.

    Integers of 16 bits are divided by 257 where any of them is above 255. Nothing is stretched.

    Args:
        images: (N, H, W, 1 or 3).
        where: the source's name, for messages.

    Raises:
        InputError: values are not finite, or beyond the range that their type has here.
    """
    if np.issubdtype(images.dtype, np.floating):
        return _of_floats(images, where)
    if not np.issubdtype(images.dtype, np.integer) and images.dtype != bool:
        raise InputError(f"images in {where} are {images.dtype}: {_WANTED}")
    low, high = int(images.min()), int(images.max())
    if images.dtype == bool:
        high_possible = 1
    else:
        high_possible = 65535 if images.dtype == np.uint16 and high > 255 else 255
    if low < 0 or high > high_possible:
        raise InputError(f"images in {where} are {images.dtype} and go from {low} to {high}: {_WANTED}")
    bits = high_possible.bit_length()
    values = f"{images.dtype}, {low} to {high} of 0 to {high_possible} ({bits} bit{'s' if bits > 1 else ''})"
    if high_possible == 255:
        scaled = images.astype(np.uint8)
    else:
        scaled = np.rint(images * (255 / high_possible)).astype(np.uint8)
    return Pixels(scaled, values, range_doubt(low, high, high_possible, where))


def range_doubt(low: float, high: float, most: float, where: str) -> str:
    """What is odd about a range of pixels; "" where nothing is.

    Args:
        low: the least value.
        high: the largest.
        most: the largest that the type holds; the least is 0.
        where: the source's name.
    """
    if high - low >= _LEAST_SHARE * most:
        return ""
    kind = "floats go to 1" if most == 1 else f"integers go to {most:g}"
    return f"images in {where} go from {low:g} to {high:g} where {kind}: scale them to that"


def _of_floats(images: np.ndarray, where: str) -> Pixels:
    if not np.isfinite(images).all():
        bad = int((~np.isfinite(images)).reshape(len(images), -1).any(1).argmax())
        raise InputError(f"image {bad} in {where} holds NaN or infinity: repair or remove it")
    low, high = float(images.min()), float(images.max())
    if low < 0 or high > 1:
        raise InputError(f"images in {where} go from {low:g} to {high:g}: {_WANTED}")
    values = f"{images.dtype}, {low:.3g} to {high:.3g} of 0 to 1, taken as 8 bits"
    return Pixels(np.rint(images * 255).astype(np.uint8), values, range_doubt(low, high, 1.0, where))
