"""What happens to a photo on its way through the web, as named transforms."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageFilter


def recompressed(pixels: np.ndarray, *, format: str, **options: Any) -> np.ndarray:  # noqa: A002 (Pillow's name)
    """Save a photo in some format and read it again.

    Args:
        pixels: uint8 (H, W, 3) RGB.
        format: Pillow's name of the format.
        **options: Pillow's options for saving, such as `quality`.

    Returns:
        uint8 (H, W, 3) RGB.
    """
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, format=format, **options)
    with Image.open(buffer, formats=[format]) as image:
        return np.asarray(image.convert("RGB"))


def resized(pixels: np.ndarray, *, factor: float) -> np.ndarray:
    """Scale a photo and scale it back, bicubic.

    A platform stops at the small version, in which many faces are too small to be detected. Anybody who wants to
    recognise them enlarges it again.

    Args:
        pixels: uint8 (H, W, 3) RGB.
        factor: of the first scaling.

    Returns:
        uint8 (H, W, 3) RGB.
    """
    image = Image.fromarray(pixels)
    small = (max(1, round(image.width * factor)), max(1, round(image.height * factor)))
    shrunk = image.resize(small, Image.Resampling.BICUBIC)
    return np.asarray(shrunk.resize(image.size, Image.Resampling.BICUBIC))


def blurred(pixels: np.ndarray, *, sigma: float) -> np.ndarray:
    """Blur a photo by a Gaussian.

    Args:
        pixels: uint8 (H, W, 3) RGB.
        sigma: standard deviation in pixels.

    Returns:
        uint8 (H, W, 3) RGB.
    """
    return np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(sigma)))


TRANSFORMS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "jpeg50": lambda pixels: recompressed(pixels, format="JPEG", quality=50),
    "jpeg70": lambda pixels: recompressed(pixels, format="JPEG", quality=70),
    "jpeg90": lambda pixels: recompressed(pixels, format="JPEG", quality=90),
    "resize0.25": lambda pixels: resized(pixels, factor=0.25),
    "resize0.5": lambda pixels: resized(pixels, factor=0.5),
    "webp": lambda pixels: recompressed(pixels, format="WEBP", quality=80),
    "blur": lambda pixels: blurred(pixels, sigma=1.0),
}
"""Each takes and returns uint8 (H, W, 3) RGB; the size stays."""
