"""Change the pictures of a video where a mask lies, and nowhere else: in the numbers that the file itself holds.

A picture that went to RGB and back would change everywhere. Here a change in RGB becomes one of luma and chroma, which
is exact but for rounding, since the one is linear in the other (ITU-T H.273).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

_WEIGHTS = {1: (0.2126, 0.0722), 4: (0.30, 0.11), 7: (0.212, 0.087), 9: (0.2627, 0.0593), 10: (0.2627, 0.0593)}
"""Of red and blue in luma, by H.273's number of the matrix; those of BT.601 for all others."""
_BT601 = (0.299, 0.114)
_FULL_RANGE = 2  # FFmpeg's number


@dataclass(frozen=True)
class Change:
    """Whole grey levels to add to a part of a picture.

    Attributes:
        rows: of the picture.
        columns: of the picture.
        levels: int16 (rows, columns, 3), RGB in levels of 1/255 of the full range.
    """

    rows: slice
    columns: slice
    levels: np.ndarray


def add(frame: Any, change: Change) -> None:
    """Add a change to a picture in place.

    Args:
        frame: a writable `av.VideoFrame` in a planar format of luma and chroma, or of luma alone.
        change: in the coordinates of the stored picture, inside it.
    """
    if change.levels.size == 0:
        return
    red, blue = _WEIGHTS.get(int(frame.colorspace), _BT601)
    rgb = change.levels.astype(np.float32)
    luma = rgb @ np.array([red, 1 - red - blue, blue], np.float32)
    full = int(frame.color_range) == _FULL_RANGE or frame.format.name.startswith("yuvj")
    bits = frame.format.components[0].bits
    unit = 2 ** (bits - 8)
    rows, columns = change.rows, change.columns
    span = (0, 255) if full else (16, 235)
    _add_plane(frame, 0, rows, columns, luma * (unit if full else unit * 219 / 255), span, unit)
    if len(frame.planes) < 3:
        return
    high, wide = (
        round(frame.height / frame.planes[1].height),
        round(frame.width / frame.planes[1].width),
    )
    span, scale = ((0, 255) if full else (16, 240)), unit if full else unit * 224 / 255
    for plane, colour, weight in ((1, rgb[..., 2], blue), (2, rgb[..., 0], red)):
        chroma = scale * (colour - luma) / (2 * (1 - weight))
        small, part = _averaged(chroma, rows, columns, high, wide)
        _add_plane(frame, plane, *part, small, span, unit)


def _averaged(
    values: np.ndarray, rows: slice, columns: slice, high: int, wide: int
) -> tuple[np.ndarray, tuple[slice, slice]]:
    """Means over the blocks of `high` by `wide` pixels that share a sample of chroma, and which samples these are."""
    top, left = rows.start // high, columns.start // wide
    bottom, right = -(-rows.stop // high), -(-columns.stop // wide)
    whole = np.zeros(((bottom - top) * high, (right - left) * wide), np.float32)
    y, x = rows.start - top * high, columns.start - left * wide
    whole[y : y + values.shape[0], x : x + values.shape[1]] = values
    blocks = whole.reshape(bottom - top, high, right - left, wide)
    return blocks.mean((1, 3)), (slice(top, bottom), slice(left, right))


def _add_plane(
    frame: Any, number: int, rows: slice, columns: slice, values: np.ndarray, span: tuple[int, int], unit: int
) -> None:
    plane = frame.planes[number]
    kind = np.dtype(np.uint8 if unit == 1 else "<u2")
    lines = np.frombuffer(plane, kind).reshape(-1, plane.line_size // kind.itemsize)[: plane.height]
    part = lines[rows, columns]
    before = part.astype(np.float32)
    low, high = (np.float32(end * unit + (unit - 1 if end == 255 else 0)) for end in span)
    # What lies outside the usual span stays there: it was so in the original.
    after = np.clip(np.rint(before + values), np.minimum(before, low), np.maximum(before, high))
    part[...] = after.astype(kind)
