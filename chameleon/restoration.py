"""Take the mask off again, to the bit where the file allows it.

What a mask added is known from the key and the placement. What clipping at black and white took is kept, for every
protected photo, in a record beside the key; a hash of the original's pixels tells whether the restored ones are they.
"""

from __future__ import annotations

import base64
import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chameleon.faces import Face
from chameleon.mask import Mask, Placement, subtract
from models.errors import InputError
from models.files import Manifest


@dataclass(frozen=True)
class Restored:
    """A photo with the mask taken off.

    Attributes:
        pixels: uint8 (H, W, 3).
        exact: bit for bit the original's pixels, by their hash.
    """

    pixels: np.ndarray
    exact: bool


def records_beside(key: Path) -> Path:
    """Where the records of photos protected with the key file `key` lie."""
    return key.with_name(key.name + ".restore")


def record_of(
    name: str, original: np.ndarray, saved: np.ndarray, placements: Sequence[Placement], mask: Mask
) -> dict[str, Any]:
    """What restoring a written file will need, as plain JSON; it shows no more of the photo than what clipped.

    Args:
        name: of the photo.
        original: uint8 (H, W, 3), pixels of the original.
        saved: uint8 (H, W, 3), pixels of the written file, re-opened.
        placements: of the mask, in the order in which it was added.
        mask: the user's.
    """
    taken_off = _without(saved, placements, mask)
    # From a lossy file nothing restores exactly: what it lost would be most of the picture.
    lossless = np.count_nonzero(taken_off != original) <= _MOST_CLIPPED * original.size
    return {
        "source_sha256": pixels_hash(saved),
        "settings_hash": mask.digest,
        "name": "",
        "photo": name,
        "original": pixels_hash(original),
        "placements": [
            {"to_canonical": p.to_canonical.tolist(), "amplitude": p.amplitude, "grey": p.grey} for p in placements
        ],
        "clipped": _pack(taken_off, original) if lossless else None,
    }


_MOST_CLIPPED = 0.2


def restore(saved: np.ndarray, record: dict[str, Any], mask: Mask) -> Restored:
    """Undo what `record` says was done to a photo.

    Args:
        saved: uint8 (H, W, 3), pixels of the protected file.
        record: as `record_of` made it.
        mask: the user's.
    """
    placements = [
        Placement(np.array(p["to_canonical"]), float(p["amplitude"]), bool(p["grey"])) for p in record["placements"]
    ]
    pixels = _without(saved, placements, mask)
    if record["clipped"] is not None:
        _unpack(record["clipped"], pixels)
    return Restored(pixels, pixels_hash(pixels) == record["original"])


def restore_by_face(saved: np.ndarray, face: Face, mask: Mask, *, amplitude: float) -> Restored:
    """Take the mask off a photo of which there is no record: near, not exact.

    Args:
        saved: uint8 (H, W, 3).
        face: the user's, as detected in `saved`.
        mask: the user's.
        amplitude: at which the mask probably lies.
    """
    placement = Placement(face.to_template(mask.template), amplitude)
    return Restored(_without(saved, [placement], mask), exact=False)


def open_records(key: Path) -> Manifest:
    """The records beside the key file `key`."""
    return Manifest(records_beside(key), mode=0o600)


def find_record(records: Manifest, saved: np.ndarray, mask: Mask) -> dict[str, Any] | None:
    """The record of the photo whose pixels are `saved`, if there is one."""
    return records.find(pixels_hash(saved), mask.digest, "")


def pixels_hash(pixels: np.ndarray) -> str:
    """Hexadecimal SHA-256 of uint8 (H, W, 3) pixels and their shape."""
    return hashlib.sha256(repr(pixels.shape).encode() + np.ascontiguousarray(pixels).tobytes()).hexdigest()


def _without(saved: np.ndarray, placements: Sequence[Placement], mask: Mask) -> np.ndarray:
    height, width = saved.shape[:2]
    pixels = saved
    for placement in reversed(placements):
        pixels = subtract(pixels, mask.patch(placement, height=height, width=width))
    return pixels


def _pack(pixels: np.ndarray, original: np.ndarray) -> str:
    """Where and by how much `pixels` differ from `original`."""
    where = np.flatnonzero(pixels != original).astype("<u4")
    missing = (original.reshape(-1)[where].astype(int) - pixels.reshape(-1)[where]).astype("<i2")
    # Steps between neighbours compress far better than positions.
    return base64.b85encode(zlib.compress(np.diff(where, prepend=0).astype("<u4").tobytes() + missing.tobytes())).decode()


def _unpack(packed: str, pixels: np.ndarray) -> None:
    """Put back in place what `_pack` kept."""
    try:
        data = zlib.decompress(base64.b85decode(packed))
        count = len(data) // 6
        where = np.cumsum(np.frombuffer(data, "<u4", count), dtype=np.int64)
        missing = np.frombuffer(data, "<i2", count, offset=4 * count)
        flat = pixels.reshape(-1)
        flat[where] = (flat[where].astype(int) + missing).astype(np.uint8)
    except (ValueError, IndexError, zlib.error) as error:
        raise InputError(f"the record of a photo is damaged ({error}); restore the .restore file from a backup") from None
