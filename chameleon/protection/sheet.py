"""A sheet of face crops side by side, for people to judge by eye."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from guise.models.files import atomic_write

_SIDE = 320  # pixels, height of a crop on the sheet
_MARGIN = 32
_GAP = 16
_TITLE, _CAPTION = 22, 17  # pixels, height of the letters
_INK, _GREY = (32, 32, 36), (110, 110, 118)
_AROUND = 1.7  # side of a crop, relative to the face's box


@dataclass(frozen=True)
class Pair:
    """One face before and after.

    Attributes:
        before: uint8 (h, w, 3) RGB.
        after: uint8 (h, w, 3) RGB, of any size.
        caption: what to write below.
    """

    before: np.ndarray
    after: np.ndarray
    caption: str


def face_crop(pixels: np.ndarray, box: Sequence[float] | np.ndarray) -> np.ndarray:
    """Cut a face and its surroundings out of a photo.

    Args:
        pixels: uint8 (H, W, 3) RGB, the photo.
        box: of the face: left, top, right, bottom, in pixels.

    Returns:
        A view of `pixels`, uint8 (h, w, 3); a square where there is room.
    """
    height, width = pixels.shape[:2]
    side = _AROUND * max(box[2] - box[0], box[3] - box[1])
    parts = []
    for centre, limit in (((box[1] + box[3]) / 2, height), ((box[0] + box[2]) / 2, width)):
        length = max(1, min(round(side), limit))
        start = int(np.clip(round(centre - length / 2), 0, limit - length))
        parts.append(slice(start, start + length))
    return pixels[parts[0], parts[1]]


def draw_pairs(pairs: Sequence[Pair], path: Path) -> None:
    """Write a sheet of faces before and after, as PNG.

    Args:
        pairs: at least one.
        path: the file; replaced if it is there.

    Raises:
        ValueError: there is no pair.
        OutputError: it cannot be written.
    """
    draw_sheet(("before", "after"), [((pair.before, pair.after), pair.caption) for pair in pairs], path)


def draw_sheet(titles: Sequence[str], rows: Sequence[tuple[Sequence[np.ndarray], str]], path: Path) -> None:
    """Write a sheet of crops in columns, as PNG.

    Args:
        titles: one a column.
        rows: at least one: crops, uint8 (h, w, 3) RGB, one a column, all scaled to one height, and a caption.
        path: the file; replaced if it is there.

    Raises:
        ValueError: a row has another number of crops than there are titles, or there is no row.
        OutputError: it cannot be written.
    """
    with atomic_write(path) as file:
        sheet(titles, rows).save(file, format="PNG")


def sheet(titles: Sequence[str], rows: Sequence[tuple[Sequence[np.ndarray], str]]) -> Image.Image:
    """Draw the picture that `draw_sheet` writes.

    Args:
        titles: as of `draw_sheet`.
        rows: as of `draw_sheet`.

    Returns:
        The picture, RGB.

    Raises:
        ValueError: as of `draw_sheet`.
    """
    crops = [[_scaled(crop) for crop in row] for row, _ in rows]
    title_font, caption_font = (ImageFont.load_default(size=size) for size in (_TITLE, _CAPTION))
    widths = [
        max(round(title_font.getlength(title)), *(crop.width for crop in column))
        for title, column in zip(titles, zip(*crops, strict=True), strict=True)
    ]
    inner = sum(widths) + _GAP * (len(widths) - 1)
    inner = max(inner, *(round(caption_font.getlength(caption)) for _, caption in rows))
    head, foot = _TITLE + _GAP, _GAP // 2 + _CAPTION + _GAP * 3 // 2
    height = 2 * _MARGIN + head + len(rows) * (_SIDE + foot) - _GAP * 3 // 2
    picture = Image.new("RGB", (inner + 2 * _MARGIN, height), "white")
    draw = ImageDraw.Draw(picture)
    lefts = [_MARGIN + sum(widths[:column]) + _GAP * column for column in range(len(widths))]
    for left, width, title in zip(lefts, widths, titles, strict=True):
        draw.text((left + width / 2, _MARGIN), title, fill=_INK, font=title_font, anchor="ma")
    top = _MARGIN + head
    for row, (_, caption) in zip(crops, rows, strict=True):
        for left, width, crop in zip(lefts, widths, row, strict=True):
            picture.paste(crop, (left + (width - crop.width) // 2, top))
        draw.text((_MARGIN, top + _SIDE + _GAP // 2), caption, fill=_GREY, font=caption_font, anchor="la")
        top += _SIDE + foot
    return picture


def _scaled(crop: np.ndarray) -> Image.Image:
    image = Image.fromarray(np.ascontiguousarray(crop))
    width = max(1, round(image.width * _SIDE / image.height))
    return image.resize((width, _SIDE), Image.Resampling.LANCZOS)
