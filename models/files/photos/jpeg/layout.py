"""How a JPEG is compressed, as far as its blocks must be known to change some of them."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cache
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from guise.models.files.photos.metadata import FLIPPED_ACROSS, FLIPPED_DOWN, swaps_sides

BLOCK = 8
COMPRESSED_ANEW = "all of it is compressed anew, not only what the mask changes"
_SAMPLINGS = {(1, 1), (2, 1), (1, 2), (2, 2)}  # of lightness, across and down, where colour has (1, 1)
_OF_RGB = (82, 71, 66)  # the names "R", "G" and "B" of components


@dataclass(frozen=True)
class Layout:
    """How the upright picture of a JPEG is cut into blocks and quantised.

    Attributes:
        tables: of each component, uint16 (8, 8), rows of vertical frequencies.
        sampling: of lightness, across and down; colour has (1, 1).
        orientation: by EXIF, of the stored blocks.
        progressive: it is stored in several scans.
    """

    tables: tuple[NDArray[np.uint16], ...]
    sampling: tuple[int, int]
    orientation: int
    progressive: bool

    @property
    def unit(self) -> tuple[int, int]:
        """Height and width in pixels of the area that one block of each colour covers."""
        return BLOCK * self.sampling[1], BLOCK * self.sampling[0]

    @property
    def swaps(self) -> bool:
        """Whether rows of the stored picture are columns of the upright one."""
        return swaps_sides(self.orientation)

    @property
    def flips(self) -> tuple[bool, bool]:
        """Whether the picture is flipped down and across, once sides are swapped."""
        return self.orientation in FLIPPED_DOWN, self.orientation in FLIPPED_ACROSS


@dataclass(frozen=True)
class CompressedJpeg:
    """The first picture of a JPEG as it is stored.

    Attributes:
        data: the file up to its end.
        layout: how its copy is compressed.
        factors: of each component, by which the copy's tables are finer: int16 (8, 8). None: they are the file's own.
    """

    data: bytes
    layout: Layout
    factors: tuple[NDArray[np.int16], ...] | None = None

    def finer(self) -> "CompressedJpeg":
        """The same, to be compressed as little as at quality 95, or less.

        Each step of a table is parted into whole ones, so what is not changed stays as it is stored.
        """
        if self.factors is not None:
            return self
        fine = [table.T if self.layout.swaps else table for table in _fine_tables()]
        tables = [
            np.vectorize(_part)(table, fine[min(at, 1)]).astype(np.uint16)
            for at, table in enumerate(self.layout.tables)
        ]
        factors = tuple((own // new).astype(np.int16) for own, new in zip(self.layout.tables, tables, strict=True))
        return replace(self, layout=replace(self.layout, tables=tuple(tables)), factors=factors)


def _part(step: int, most: int) -> int:
    """The largest divisor of a step that is not above another one."""
    return max(part for part in range(1, most + 1) if step % part == 0)


@cache
def _fine_tables() -> list[NDArray[np.uint16]]:
    """For lightness and colour, at quality 95."""
    Image.new("RGB", (BLOCK, BLOCK)).save(buffer := BytesIO(), "JPEG", quality=95)
    with Image.open(buffer, formats=["JPEG"]) as image:
        tables: dict[int, list[int]] = image.quantization  # type: ignore[attr-defined]
    return [np.array(tables[number], np.uint16).reshape(BLOCK, BLOCK) for number in (0, 1)]


def layout_of(image: Any, orientation: Any) -> Layout | None:
    """Read how a JPEG is compressed.

    Args:
        image: opened by Pillow.
        orientation: by EXIF; anything.

    Returns:
        The layout; None where its blocks cannot be changed one by one: CMYK, colours that are no YCbCr, unusual
        sampling, or a picture to be turned whose sides are no whole number of blocks.
    """
    layers, tables = list(image.layer), image.quantization
    if image.mode not in ("L", "RGB") or len(layers) != (1 if image.mode == "L" else 3):
        return None
    if any(layer[3] not in tables for layer in layers):
        return None
    if len(layers) == 3:
        if not _is_ycbcr(image.info, tuple(layer[0] for layer in layers)):
            return None
        if {tuple(layer[1:3]) for layer in layers[1:]} != {(1, 1)}:
            return None
    sampling = tuple(layers[0][1:3]) if len(layers) == 3 else (1, 1)  # of one component it means nothing
    if sampling not in _SAMPLINGS:
        return None
    turned = orientation if orientation in range(1, 9) else 1
    squares = [np.array(tables[layer[3]], np.uint16).reshape(BLOCK, BLOCK) for layer in layers]
    size = image.size
    if swaps_sides(turned):
        squares, sampling, size = [square.T for square in squares], sampling[::-1], size[::-1]
    layout = Layout(tuple(squares), sampling, turned, bool(image.info.get("progressive")))
    (high, wide), (down, across) = layout.unit, layout.flips
    if (across and size[0] % wide) or (down and size[1] % high):
        return None
    return layout


def _is_ycbcr(info: Mapping[Any, Any], names: tuple[int, ...]) -> bool:
    """As libjpeg decides."""
    if "jfif" in info:
        return True
    return info["adobe_transform"] == 1 if "adobe_transform" in info else names != _OF_RGB
