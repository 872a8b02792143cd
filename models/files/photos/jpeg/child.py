"""A program of its own: it changes blocks of a JPEG. See `transcoding`, which runs it.

It runs apart because jpeglib reads hostile files in C, prints to the terminal and, by its documentation, may end the
program. It needs nothing of Guise.
"""

import os
import sys
import tempfile
from io import BytesIO
from pathlib import Path
from typing import Any

import jpeglib
import numpy as np
from numpy.typing import NDArray

_SEQUENTIAL, _PROGRESSIVE = "6b", "mozjpeg403"  # the second writes progressive files only
_MEMORY = "/dev/shm"  # files there are gone with the machine's power
_COMPONENTS = ("Y", "Cb", "Cr")
# What a JPEG of 8 bits holds (ITU-T T.81, tables F.1 and F.2): a coefficient, and a difference of two blocks' means.
_LARGEST, _FARTHEST = 1023, 2047

Blocks = NDArray[np.int16]


class _Uncopied(np.ndarray[Any, Any]):
    """Coefficients that jpeglib does not copy once more: large photos have gigabytes of them."""

    def astype(self, dtype: Any, *rest: Any, **named: Any) -> Any:
        return self if self.dtype == dtype else super().astype(dtype, *rest, **named)


def upright(blocks: Blocks, *, swaps: bool, flips: tuple[bool, bool]) -> Blocks:
    """Turn blocks without decoding them.

    Args:
        blocks: int16 (rows, columns, 8, 8).
        swaps: rows become columns.
        flips: down and across, thereafter.

    Returns:
        The same in their new places.
    """
    if swaps:
        blocks = blocks.transpose(1, 0, 3, 2)
    odd = np.where(np.arange(8) % 2, -1, 1).astype(np.int16)  # a mirrored wave of odd frequency has the other sign
    if flips[0]:
        blocks = blocks[::-1] * odd[:, None]
    if flips[1]:
        blocks = blocks[:, ::-1] * odd
    return np.ascontiguousarray(blocks)


def changed(task: Any, folder: Path) -> bytes:
    """Do a task.

    Args:
        task: arrays by their names, as `transcoding.changed_blocks` gives them.
        folder: for files in between.

    Returns:
        The new file.
    """
    progressive, swaps, down, across, rows, columns, count = (int(value) for value in task["how"])
    source, target = folder / "source.jpg", folder / "target.jpg"
    source.write_bytes(task["source"].tobytes())
    with jpeglib.version(_SEQUENTIAL):
        jpeg = jpeglib.read_dct(source)
        jpeg.load()
    source.unlink()
    planes = [jpeg.Y] if jpeg.num_components == 1 else [jpeg.Y, jpeg.Cb, jpeg.Cr]
    tables = [np.array(jpeg.get_component_qt(index)) for index in range(len(planes))]
    factors = np.array(jpeg.samp_factor) if len(planes) > 1 else np.ones((1, 2), int)
    size = jpeg.height, jpeg.width
    jpeg.free()
    if swaps:
        tables, factors, size = [table.T for table in tables], factors[:, ::-1], size[::-1]
    if swaps or down or across:
        planes = [upright(plane, swaps=bool(swaps), flips=(bool(down), bool(across))) for plane in planes]
    if "finer Y" in task:
        for index, plane in enumerate(planes):
            finer = task[f"finer {_COMPONENTS[index]}"]
            _check_room(plane, finer)
            plane *= finer
            tables[index] = tables[index] // finer.astype(tables[index].dtype)
    darkest = [min(-_LARGEST - 1, int(plane[..., 0, 0].min())) for plane in planes]
    for number in range(count):
        row, column = task[f"{number} at"]
        for index, plane in enumerate(planes):
            steps = task[f"{number} {_COMPONENTS[index]}"]
            by_row, by_column = (rows, columns) if index == 0 else (1, 1)
            place = plane[by_row * row :, by_column * column :]
            high, wide = (min(a, b) for a, b in zip(place.shape[:2], steps.shape[:2], strict=True))
            place[:high, :wide] += steps[:high, :wide]
            means = place[:high, :wide, 0, 0].clip(darkest[index], darkest[index] + _FARTHEST)
            np.clip(place[:high, :wide], -_LARGEST, _LARGEST, out=place[:high, :wide])
            place[:high, :wide, 0, 0] = means
    with jpeglib.version(_SEQUENTIAL):
        try:
            _written(planes, tables, factors, size).write_dct(str(target), flags=["OPTIMIZE_CODING"])
        except OSError:  # it names a file of ours
            sys.exit("a JPEG holds no such coefficients")
    if progressive:
        del planes
        with jpeglib.version(_PROGRESSIVE):
            again = jpeglib.read_dct(target)
            again.markers = []
            again.load()
            again.write_dct(str(target))
    return target.read_bytes()


def _check_room(plane: Blocks, factors: Blocks) -> None:
    """Refuse coefficients that no longer fit a JPEG once they are multiplied."""
    highest, lowest = (bound.astype(int) * factors for bound in (plane.max((0, 1)), plane.min((0, 1))))
    apart = highest[0, 0] - lowest[0, 0]  # of a block's mean only the difference to another block's is told
    highest[0, 0] = lowest[0, 0] = 0
    if apart > _FARTHEST or max(highest.max(), -lowest.min()) > _LARGEST:
        sys.exit("coefficients are too large for finer tables")


def _written(planes: list[Blocks], tables: list[Any], factors: Any, size: tuple[int, int]) -> Any:
    """A file to be written of blocks, their tables, sampling factors (down, across), height and width."""
    distinct: list[Any] = []
    numbers = []
    for table in tables:
        known = next((at for at, other in enumerate(distinct) if np.array_equal(table, other)), len(distinct))
        distinct += [table] if known == len(distinct) else []
        numbers.append(known)
    bare = [plane.view(_Uncopied) for plane in planes]
    made = jpeglib.from_dct(*bare, qt=np.array(distinct, np.uint16), quant_tbl_no=numbers)
    made.height, made.width = size
    made.samp_factor = np.ascontiguousarray(factors)
    made.markers = []
    return made


def main() -> None:
    """Read a task from standard input, and write the new file to standard output."""
    with np.load(BytesIO(sys.stdin.buffer.read())) as archive:
        task = dict(archive)
    output = os.dup(1)
    os.dup2(2, 1)  # libjpeg may print
    memory = _MEMORY if os.access(_MEMORY, os.W_OK) else None
    with tempfile.TemporaryDirectory(prefix="guise-jpeg-", dir=memory) as folder:
        tempfile.tempdir = folder  # jpeglib's own copies
        data = changed(task, Path(folder))
    with os.fdopen(output, "wb") as stream:
        stream.write(data)


if __name__ == "__main__":
    main()
