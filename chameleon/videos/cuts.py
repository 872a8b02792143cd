"""Where a video cuts to another scene, so that nothing is carried across."""

from __future__ import annotations

from collections import deque

import numpy as np
from PIL import Image

_SIZE = (32, 18)
_LEAST = 14.0  # grey levels by which a tiny version of the picture changes, on average
_SURELY = 40.0
_TIMES = 3.0  # as much as it changed lately
_LATELY = 12  # pictures
_COLOURS = 4  # steps of each channel
_OTHER_COLOURS = 0.25  # share of the picture that takes other colours, while movement only moves them


class CutFinder:
    """Tells picture by picture whether a new scene begins.

    Where it errs: what follows a cut that is none is searched anew, which costs time; across a cut that goes unnoticed
    a face is not followed either, unless it looks the same (`guise.chameleon.videos.looks`).
    """

    def __init__(self) -> None:
        self._before: np.ndarray | None = None
        self._changes: deque[float] = deque(maxlen=_LATELY)

    def begins(self, pixels: np.ndarray) -> bool:
        """Look at the next picture.

        Args:
            pixels: uint8 (H, W, 3) RGB.

        Returns:
            Whether it belongs to another scene than the picture before; True for the first one.
        """
        tiny = np.asarray(Image.fromarray(pixels).resize(_SIZE, Image.Resampling.BOX)).astype(np.int16)
        before, self._before = self._before, tiny
        if before is None:
            return True
        change = float(np.abs(tiny - before).mean())
        usual = float(np.median(self._changes)) if self._changes else 0.0
        self._changes.append(change)
        if change <= max(_LEAST, _TIMES * usual):
            return False
        return change > _SURELY or float(np.abs(_colours(tiny) - _colours(before)).sum()) / 2 > _OTHER_COLOURS


def _colours(tiny: np.ndarray) -> np.ndarray:
    """Which share of the picture has which colour."""
    steps = tiny.reshape(-1, 3) * _COLOURS // 256
    numbers = steps @ (_COLOURS**2, _COLOURS, 1)
    return np.bincount(numbers, minlength=_COLOURS**3) / len(numbers)
