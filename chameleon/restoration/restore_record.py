"""The restore record of a protected photo: what taking its mask off again needs, apart from the key.

The record says where the mask was placed and how it was refined. It also keeps what clipping at black and white took,
and a hash of the original's pixels, which tells whether the restored ones are the same.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from guise.chameleon.mask.mask import Mask, Placement, subtract
from guise.models.errors import ImageError
from guise.models.files import Manifest, Photo, pack, put_down, unpack

_STRIP = 1024  # rows

RestoreRecord = Mapping[str, Any]
"""Plain JSON, as `make_restore_record` makes it."""


@dataclass(frozen=True)
class Restored:
    """A photo with the mask taken off.

    Attributes:
        pixels: uint8 (H, W, 3) RGB.
        exact: whether they are bit for bit the original's pixels, by their hash.
    """

    pixels: np.ndarray
    exact: bool


def restore_records_file(key: Path) -> Path:
    """Tell where the restore records of a key lie.

    Args:
        key: the key file with which the photos were protected.

    Returns:
        The file next to it.
    """
    return key.with_name(key.name + ".restore")


def open_restore_records(key: Path) -> Manifest:
    """Open the restore records of a key.

    Args:
        key: the key file.

    Returns:
        The records; empty where the file does not exist yet.

    Raises:
        InputError: the file exists and cannot be read.
    """
    return Manifest(restore_records_file(key), mode=0o600)


def find_restore_record(restore_records: Manifest, saved: np.ndarray, mask: Mask) -> RestoreRecord | None:
    """Find the restore record of a photo.

    Args:
        restore_records: those of the key.
        saved: uint8 (H, W, 3) RGB, pixels of the protected file.
        mask: the key's.

    Returns:
        The record; None where there is none of exactly these pixels.
    """
    return restore_records.find(pixels_hash(saved), mask.digest, "")


def make_restore_record(
    name: str,
    original: Photo,
    saved: np.ndarray,
    placements: Sequence[Placement],
    mask: Mask,
    original_pixels: str | None = None,
) -> RestoreRecord:
    """Write down what restoring a protected file will need.

    Args:
        name: of the photo.
        original: the photo as read.
        saved: uint8 (H, W, 3) RGB, pixels of the written file, re-opened.
        placements: of the mask, in the order in which it was added.
        mask: the user's.
        original_pixels: their hash, where `original` no longer holds all of them.

    Returns:
        Plain JSON, which shows no more of the photo than what clipped.
    """
    return {
        "source_sha256": pixels_hash(saved),
        "settings_hash": mask.digest,
        "name": "",
        "photo": name,
        "original": original_pixels or pixels_hash(original.pixels),
        "placements": [
            {
                "to_canonical": placement.to_canonical.tolist(),
                "amplitude": placement.amplitude,
                "grey": placement.grey,
                "bicubic": placement.bicubic,
                "refinement": None if placement.refinement is None else pack(placement.refinement),
            }
            for placement in placements
        ],
        # From a lossy file nothing restores exactly: what it lost would be most of the picture.
        "clipped": _clipped(take_off(saved, placements, mask), original.pixels) if original.lossless else None,
    }


def restore(saved: np.ndarray, restore_record: RestoreRecord, mask: Mask) -> Restored:
    """Undo what was done to a photo.

    Args:
        saved: uint8 (H, W, 3) RGB, pixels of the protected file.
        restore_record: the photo's.
        mask: the user's.

    Returns:
        The photo without the mask.

    Raises:
        ImageError: the record is damaged.
    """
    try:
        placements = [
            Placement(
                np.array(placement["to_canonical"], dtype=float),
                float(placement["amplitude"]),
                bool(placement["grey"]),
                # Absent in records from before masks were refined, and before they were enlarged smoothly.
                None if placement.get("refinement") is None else unpack(placement["refinement"], mask.values.shape),
                bool(placement.get("bicubic", False)),
            )
            for placement in restore_record["placements"]
        ]
        if not all(np.isfinite(p.to_canonical).all() and np.isfinite(p.amplitude) for p in placements):
            raise ValueError("a number is not finite")
        pixels = take_off(saved, placements, mask)
        if restore_record["clipped"] is not None:
            _put_back(restore_record["clipped"], pixels)
        return Restored(pixels, pixels_hash(pixels) == restore_record["original"])
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, ArithmeticError, zlib.error) as error:
        what = f"its restore record is damaged ({type(error).__name__}: {error})"
        raise ImageError(f"{what}; restore the .restore file next to the key from a backup, or delete it") from error


def take_off(saved: np.ndarray, placements: Sequence[Placement], mask: Mask) -> np.ndarray:
    """Subtract a mask from a photo.

    Args:
        saved: uint8 (H, W, 3) RGB, pixels of the protected file.
        placements: of the mask, in the order in which it was added.
        mask: the user's.

    Returns:
        uint8 (H, W, 3) RGB; pixels that had clipped stay off by what clipping took.
    """
    height, width = saved.shape[:2]
    pixels = saved
    for placement in reversed(placements):
        pixels = subtract(pixels, mask.patch(placement, height=height, width=width))
    return pixels


def pixels_hash(pixels: np.ndarray) -> str:
    """Hash the pixels of a photo.

    Args:
        pixels: uint8 (H, W, 3).

    Returns:
        Hexadecimal SHA-256 of the pixels and their shape.
    """
    digest = hashlib.sha256(repr(pixels.shape).encode())
    for top in range(0, len(pixels), _STRIP):
        digest.update(np.ascontiguousarray(pixels[top : top + _STRIP]).data)
        put_down(pixels)
    return digest.hexdigest()


def _clipped(pixels: np.ndarray, original: np.ndarray) -> str:
    """Where and by how much `pixels` differ from `original`."""
    where = np.flatnonzero(pixels != original).astype("<u4")
    missing = (original.reshape(-1)[where].astype(int) - pixels.reshape(-1)[where]).astype("<i2")
    # Steps between neighbours compress far better than positions.
    return base64.b85encode(
        zlib.compress(np.diff(where, prepend=0).astype("<u4").tobytes() + missing.tobytes())
    ).decode()


def _put_back(packed: str, pixels: np.ndarray) -> None:
    """Put back in place what `_clipped` kept."""
    data = zlib.decompress(base64.b85decode(packed))
    count = len(data) // 6
    where = np.cumsum(np.frombuffer(data, "<u4", count), dtype=np.int64)
    missing = np.frombuffer(data, "<i2", count, offset=4 * count)
    flat = pixels.reshape(-1)
    flat[where] = (flat[where].astype(int) + missing).astype(np.uint8)
