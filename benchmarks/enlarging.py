"""The users' photos at larger sizes, perhaps with noise like a sensor's, to measure protection by size.

Bicubic, because Lanczos would ring a second time at the edges of the original JPEG. Written as JPEG of quality 95
without subsampling, as `protect` writes: photos are JPEGs, and on copies of a PNG JPEG would do nothing to the mask.
"""

from __future__ import annotations

import hashlib
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from guise.models.files import plain, read_photo, write_photo


@dataclass(frozen=True)
class Enlargement:
    """What is done to each photo before anything else.

    Attributes:
        scale: factor of its sides.
        noise: standard deviation, in grey levels, of Gaussian noise that is added after scaling. It is alike in dark
            and light: shot noise grows with the square root of the light, and gamma takes that away again.
    """

    scale: float = 1.0
    noise: float = 0.0

    @property
    def label(self) -> str:
        """As the tables call it; "" where photos stay as they are."""
        parts = [f"photos x {self.scale:g}"] if self.scale != 1 else []
        return ", ".join([*parts, *([f"noise {self.noise:g}"] if self.noise else [])])

    def copy(self, source: Path, target: Path) -> None:
        """Write the photo `source` to `target`; where nothing is to be done, its very bytes.

        Args:
            source: the photo. Its name and its folder's are the seed of the noise.
            target: the new file, without suffix.
        """
        if not self.label:
            shutil.copyfile(source, target.with_suffix(source.suffix))
            return
        photo = read_photo(source)
        pixels = self._noisy(self._scaled(photo.pixels), f"{source.parent.name}/{source.name}")
        write_photo(target.with_suffix(".jpg"), replace(plain(photo, "jpeg"), pixels=pixels), pixels)

    def _scaled(self, pixels: np.ndarray) -> np.ndarray:
        height, width = pixels.shape[:2]
        size = max(1, round(self.scale * width)), max(1, round(self.scale * height))
        return np.asarray(Image.fromarray(pixels).resize(size, Image.Resampling.BICUBIC))

    def _noisy(self, pixels: np.ndarray, name: str) -> np.ndarray:
        if not self.noise:
            return pixels
        random = np.random.default_rng(int.from_bytes(hashlib.sha256(name.encode()).digest()[:8]))
        noise = self.noise * random.standard_normal(pixels.shape, dtype=np.float32)
        return np.asarray((pixels + noise).round().clip(0, 255), dtype=np.uint8)


AS_THEY_ARE = Enlargement()
