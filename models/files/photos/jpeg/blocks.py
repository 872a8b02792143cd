"""What a change of pixels means for the blocks of a JPEG, and what a decoder then shows.

A block's coefficients are changed by the transform of the change alone, in whole steps of the quantisation tables. So
what is not changed stays as it is stored: it is not sampled and rounded a second time.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from guise.models.files.photos.jpeg.layout import BLOCK, Layout
from guise.models.files.photos.room import copied, put_down

# ITU-T T.871, 7: from RGB to Y, Cb and Cr, without their offsets; and back.
_TO_YCC = np.array([[0.299, 0.587, 0.114], [-0.168736, -0.331264, 0.5], [0.5, -0.418688, -0.081312]])
_FROM_YCC = np.array([[1, 0, 1.402], [1, -0.344136, -0.714136], [1, 1.772, 0]])
_STRIP = 256  # rows that are looked at together; whole blocks of any sampling

Pixels = NDArray[np.uint8]
Steps = tuple[NDArray[np.int16], ...]


def _cosines() -> NDArray[np.float64]:
    """The orthonormal transform of a block's columns: (8, 8), a row a frequency."""
    frequency, place = np.mgrid[:BLOCK, :BLOCK]
    rows = np.cos((2 * place + 1) * frequency * np.pi / (2 * BLOCK)) / 2
    rows[0] /= np.sqrt(2)
    return np.asarray(rows)


_COSINES = _cosines()


@dataclass(frozen=True)
class BlockChange:
    """What to add to a rectangle of blocks.

    Attributes:
        row: of the first block, in units of `Layout.unit`.
        column: the same.
        steps: for each component, int16 (rows, columns, 8, 8), in steps of its table.
    """

    row: int
    column: int
    steps: Steps


def block_changes(before: Pixels, after: Pixels, layout: Layout) -> list[BlockChange]:
    """Find what to add to the blocks of a JPEG.

    Args:
        before: uint8 (H, W, 3) RGB, the picture as it is decoded, upright.
        after: uint8 (H, W, 3), what a copy is to show.
        layout: of the JPEG.

    Returns:
        Changes of the blocks in which a pixel differs, and of some between them.
    """
    (high, wide), changes = layout.unit, []
    for rows, columns in _changed(before, after, layout):
        steps = _steps(before[rows, columns], after[rows, columns], layout)
        if any(part.any() for part in steps):
            changes.append(BlockChange(rows.start // high, columns.start // wide, steps))
    return changes


def shown(before: Pixels, after: Pixels, layout: Layout) -> Pixels:
    """What a decoder shows of a copy, nearly: rounding may set a level off by one or two.

    Args:
        before: uint8 (h, w, 3) RGB, of the original as it is decoded, upright; it begins where a block begins.
        after: uint8 (h, w, 3), what a copy is to show.
        layout: of the JPEG.

    Returns:
        uint8 (h, w, 3).
    """
    result, (high, wide) = copied(before), layout.unit
    height, width = before.shape[:2]
    for rows, columns in _changed(before, after, layout):
        # Colours of lower resolution reach over into the blocks around.
        top, left = max(rows.start - high, 0), max(columns.start - wide, 0)
        part = slice(top, min(rows.stop + high, height)), slice(left, min(columns.stop + wide, width))
        change = _decoded(_steps(before[part], after[part], layout), layout)
        change = change[: part[0].stop - top, : part[1].stop - left]
        # A strip ends where the next one begins, and each shows what both change.
        inner = slice(0 if rows.start == 0 else rows.start - top, rows.stop - top if rows.stop < height else None)
        at = slice(top + inner.start, part[0].stop if inner.stop is None else rows.stop)
        result[at, part[1]] = np.clip(np.rint(before[at, part[1]] + change[inner]), 0, 255).astype(np.uint8)
    return result


def _changed(before: Pixels, after: Pixels, layout: Layout) -> Iterator[tuple[slice, slice]]:
    """Rectangles of whole blocks that hold all changed pixels."""
    (high, wide), (height, width) = layout.unit, before.shape[:2]
    for top in range(0, height, _STRIP):
        bottom = min(top + _STRIP, height)
        differs = (before[top:bottom] != after[top:bottom]).any(2)
        rows, columns = np.flatnonzero(differs.any(1)), np.flatnonzero(differs.any(0))
        if len(rows):
            first, last = top + rows[0] // high * high, top + -(-(rows[-1] + 1) // high) * high
            left, right = columns[0] // wide * wide, -(-(columns[-1] + 1) // wide) * wide
            yield slice(first, min(last, height)), slice(left, min(right, width))
        put_down(before, after)


def _steps(before: Pixels, after: Pixels, layout: Layout) -> Steps:
    """Of each component: what to add to the blocks that pixels (h, w, 3) begin with."""
    change = after.astype(np.float64) - before
    (high, wide), (height, width) = layout.unit, change.shape[:2]
    # Beyond the picture's edge a block goes on as it ends.
    change = np.pad(change, ((0, -height % high), (0, -width % wide), (0, 0)), mode="edge")
    steps = []
    for component, table in enumerate(layout.tables):
        plane = change @ _TO_YCC[component]
        if component:
            across, down = layout.sampling
            rows, columns = plane.shape
            plane = plane.reshape(rows // down, down, columns // across, across).mean((1, 3))
        steps.append(np.rint(_transformed(plane) / table).astype(np.int16))
    return tuple(steps)


def _transformed(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coefficients of a plane (h, w) of whole blocks: (rows, columns, 8, 8)."""
    rows, columns = (length // BLOCK for length in plane.shape)
    blocks = plane.reshape(rows, BLOCK, columns, BLOCK).transpose(0, 2, 1, 3)
    return np.asarray(_COSINES @ blocks @ _COSINES.T)


def _decoded(steps: Steps, layout: Layout) -> NDArray[np.float64]:
    """By how much a decoder's RGB changes: (h, w, 3)."""
    planes: list[NDArray[np.float64]] = []
    for part, table in zip(steps, layout.tables, strict=True):
        blocks = _COSINES.T @ (part * table.astype(np.float64)) @ _COSINES
        plane = blocks.transpose(0, 2, 1, 3).reshape(part.shape[0] * BLOCK, part.shape[1] * BLOCK)
        if planes:
            across, down = layout.sampling
            plane = plane if down == 1 else _finer(plane)
            plane = plane if across == 1 else _finer(plane.T).T
        planes.append(plane)
    if len(planes) == 1:
        return np.repeat(planes[0][..., None], 3, axis=2)
    return np.asarray(np.stack(planes, axis=2) @ _FROM_YCC.T)


def _finer(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Twice as many rows, interpolated as libjpeg does."""
    padded = np.pad(plane, ((1, 1), (0, 0)), mode="edge")
    result = np.empty((2 * plane.shape[0], plane.shape[1]))
    result[0::2] = 0.75 * plane + 0.25 * padded[:-2]
    result[1::2] = 0.75 * plane + 0.25 * padded[2:]
    return result
