"""Room for the pixels of large photos: on the disk, of which the system keeps in memory what is being looked at.

The file has no name, so it is gone when the program ends, however it ends.
"""

import mmap
import os
import tempfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

LARGE = 120_000_000
"""Samples of a picture that is kept on the disk: 40 megapixels in colour."""
_STRIP = 1024  # rows

Pixels = NDArray[np.uint8]


def room_for(shape: tuple[int, ...]) -> Pixels:
    """An array to be filled.

    Args:
        shape: of pixels.

    Returns:
        uint8, black; on the disk where it is large and the disk has room.
    """
    size = int(np.prod(shape))
    if size < LARGE:
        return np.zeros(shape, np.uint8)
    try:
        with tempfile.TemporaryFile() as file:
            if hasattr(os, "posix_fallocate"):  # a full disk shows here, and not while somebody writes to the array
                os.posix_fallocate(file.fileno(), 0, size)
            else:
                file.truncate(size)
            return np.frombuffer(mmap.mmap(file.fileno(), size), np.uint8).reshape(shape)
    except (OSError, ValueError):
        return np.zeros(shape, np.uint8)


def copied(pixels: Pixels) -> Pixels:
    """A copy.

    Args:
        pixels: uint8 (H, W, C).

    Returns:
        The same, with room as of `room_for`.
    """
    if pixels.size < LARGE:
        return pixels.copy()
    copy = room_for(pixels.shape)
    for top in range(0, len(pixels), _STRIP):
        copy[top : top + _STRIP] = pixels[top : top + _STRIP]
        put_down(pixels, copy)
    return copy


def put_down(*arrays: NDArray[Any]) -> None:
    """Have the system forget what of some arrays it keeps in memory; they stay as they are.

    Args:
        arrays: any; for those that are not on the disk nothing happens.
    """
    for array in arrays:
        owner: Any = array
        while isinstance(owner, np.ndarray):
            owner = owner.base
        if isinstance(owner, memoryview):
            owner = owner.obj
        if isinstance(owner, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            owner.madvise(mmap.MADV_DONTNEED)
