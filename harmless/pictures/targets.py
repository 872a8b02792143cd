"""What to put where a model does not look."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from skimage.transform import resize

from guise.models.errors import InputError
from guise.models.files import read_photo

Target = Callable[[int, int, int], NDArray[np.uint8]]
"""Height, width and a seed -> uint8 (height, width, 3)."""


def parse(text: str) -> Target:
    """What a target's name means.

    Args:
        text: `noise`, `constant` (mid grey), or the path of a photo, which is resized to fit.

    Returns:
        A function that draws the target at any size.

    Raises:
        InputError: none of these.
        ImageError: the photo cannot be read.
    """
    if text == "noise":
        return _noise
    if text == "constant":
        return lambda height, width, _: np.full((height, width, 3), 128, np.uint8)
    if not Path(text).is_file():
        raise InputError(f"`target={text}` is neither noise nor constant nor a photo that exists")
    photo = read_photo(Path(text)).pixels

    def fitted(height: int, width: int, _: int) -> NDArray[np.uint8]:
        resized = resize(photo, (height, width), anti_aliasing=True, preserve_range=True)
        return np.asarray(resized).round().clip(0, 255).astype(np.uint8)

    return fitted


def _noise(height: int, width: int, seed: int) -> NDArray[np.uint8]:
    """Levels drawn alike from 0 to 255."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (height, width, 3), generator=generator, dtype=torch.uint8).numpy()
