"""Pictures for the page: they have no metadata, and browsers show them whatever the photo's format is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from guise.models.files import atomic_write

FACE, SMALL, MEDIUM, VIEW = 192, 400, 640, 1600
"""Pixels, the longer side of a face, and of a photo in the gallery, there on fine screens, and looked at alone."""


def draw(pixels: np.ndarray, file: Path, *, longest: int) -> None:
    """Write a picture.

    Args:
        pixels: uint8 (H, W, 3) RGB.
        file: .jpg, or .png which keeps the pixels as they are.
        longest: pixels that its longer side may have.

    Raises:
        OutputError: it cannot be written.
    """
    picture = Image.fromarray(np.ascontiguousarray(pixels))
    picture.thumbnail((longest, longest), Image.Resampling.LANCZOS)
    with atomic_write(file) as open_file:
        if file.suffix == ".png":
            picture.save(open_file, "PNG")
        else:
            picture.save(open_file, "JPEG", quality=92, subsampling=0)
