"""Photos to try things on: one public-domain portrait, varied as a person's photos vary."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance
from skimage import data

from guise.models.files import atomic_write

_COUNT = 12


def portrait() -> np.ndarray:
    """Load the portrait: the astronaut Eileen Collins by NASA, public domain, packaged with scikit-image.

    Returns:
        uint8 (512, 512, 3) RGB.
    """
    return np.asarray(data.astronaut())


def make_photos(folder: Path) -> int:
    """Write twelve JPEGs of the portrait, which differ in crop, scale, tilt, light and compression.

    Files that are there already are left alone.

    Args:
        folder: where they go; made if missing.

    Returns:
        The number of photos.

    Raises:
        OutputError: a file cannot be written.
    """
    random = np.random.default_rng(0)
    original = Image.fromarray(portrait())
    for index in range(_COUNT):
        left, top = random.integers(0, 70, 2)
        right, bottom = random.integers(0, 150, 2)
        photo = original.rotate(random.uniform(-8, 8), Image.Resampling.BICUBIC, center=(224, 110))
        photo = photo.crop((left, top // 4, 512 - right, 512 - bottom))
        scale = random.uniform(0.8, 2.2)
        photo = photo.resize((int(photo.width * scale), int(photo.height * scale)), Image.Resampling.LANCZOS)
        if index % 3 == 1:
            photo = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        photo = ImageEnhance.Brightness(photo).enhance(random.uniform(0.75, 1.15))
        photo = ImageEnhance.Color(photo).enhance(random.uniform(0.6, 1.2))
        path = folder / f"photo-{index + 1:02}.jpg"
        quality = int(random.integers(75, 96))
        if not path.exists():
            with atomic_write(path) as file:
                photo.save(file, "JPEG", quality=quality)
    return _COUNT
