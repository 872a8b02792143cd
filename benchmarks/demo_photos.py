"""The demo's portrait as a folder of photos of one size, in place of a data set: `--data demo`.

The demo's own photos have sizes of all kinds. These have 512 x 512 pixels, so that `--scale 1,2,4` gives the portrait
at 512, 1024 and 2048.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageEnhance

from guise.chameleon import demo
from guise.models.files import atomic_write

_COUNT, _SIDE = 24, 512


def make(folder: Path) -> Path:
    """Write 24 JPEGs of the portrait into `folder`/portrait, which differ in frame, tilt, side and light.

    The same photos come out each time.

    Returns:
        `folder`, which then has one folder a person.
    """
    random, original = np.random.default_rng(0), Image.fromarray(demo.portrait())
    for number in range(1, _COUNT + 1):
        photo = original.rotate(random.uniform(-8, 8), Image.Resampling.BICUBIC, center=(224, 110))
        side = int(random.integers(330, 480))
        left = int(random.integers(max(0, 320 - side), min(120, _SIDE - side) + 1))
        photo = photo.crop((left, 0, left + side, side)).resize((_SIDE, _SIDE), Image.Resampling.BICUBIC)
        if random.random() < 1 / 3:
            photo = photo.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        photo = ImageEnhance.Brightness(photo).enhance(random.uniform(0.75, 1.15))
        photo = ImageEnhance.Color(photo).enhance(random.uniform(0.6, 1.2))
        with atomic_write(folder / "portrait" / f"{number:02}.jpg") as file:
            photo.save(file, "JPEG", quality=95, subsampling=0)
    return folder
