"""Where a video cuts to another scene, so that nothing is carried across."""

from __future__ import annotations

from collections import deque

import numpy as np
from PIL import Image

_SIZE = (32, 18)
_LEAST = 14.0  # grey levels by which a tiny version of the picture changes, on average
_TIMES = 3.0  # as much as it changed lately
_LATELY = 12  # pictures


class CutFinder:
    """Tells picture by picture whether a new scene begins.

    It says so rather too often: what follows a cut is searched anew, which costs time and loses nothing.
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
        tiny = np.asarray(Image.fromarray(pixels).convert("L").resize(_SIZE, Image.Resampling.BOX)).astype(np.float32)
        before, self._before = self._before, tiny
        if before is None:
            return True
        change = float(np.abs(tiny - before).mean())
        usual = float(np.median(self._changes)) if self._changes else 0.0
        self._changes.append(change)
        cut = change > max(_LEAST, _TIMES * usual)
        if cut:
            self._changes.clear()
        return cut
