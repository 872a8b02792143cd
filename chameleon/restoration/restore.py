"""Take the mask off again, to the bit where the file allows it.

What a mask added is known from the key and the photo's record beside it: where it was placed, and how it was refined.
What clipping at black and white took is kept in the record too; a hash of the original's pixels tells whether the
restored ones are they.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from guise.chameleon.faces import geometry
from guise.chameleon.faces.detection import Face, FaceDetector
from guise.chameleon.mask.mask import Mask, Placement, subtract
from guise.chameleon.visibility.filters import gaussian, separable
from guise.models.errors import ImageError
from guise.models.files import Manifest, Photo, pack, read_photo, unpack, write_photo


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
    name: str, original: Photo, saved: np.ndarray, placements: Sequence[Placement], mask: Mask
) -> dict[str, Any]:
    """What restoring a written file will need, as plain JSON; it shows no more of the photo than what clipped.

    Args:
        name: of the photo.
        original: as read.
        saved: uint8 (H, W, 3), pixels of the written file, re-opened.
        placements: of the mask, in the order in which it was added.
        mask: the user's.
    """
    return {
        "source_sha256": pixels_hash(saved),
        "settings_hash": mask.digest,
        "name": "",
        "photo": name,
        "original": pixels_hash(original.pixels),
        "placements": [
            {
                "to_canonical": p.to_canonical.tolist(),
                "amplitude": p.amplitude,
                "grey": p.grey,
                "refinement": None if p.refinement is None else pack(p.refinement),
            }
            for p in placements
        ],
        # From a lossy file nothing restores exactly: what it lost would be most of the picture.
        "clipped": _taken(_without(saved, placements, mask), original.pixels) if original.lossless else None,
    }


def restore(saved: np.ndarray, record: dict[str, Any], mask: Mask) -> Restored:
    """Undo what `record` says was done to a photo.

    Args:
        saved: uint8 (H, W, 3), pixels of the protected file.
        record: as `record_of` made it.
        mask: the user's.

    Raises:
        ImageError: the record is damaged.
    """
    try:
        placements = [
            Placement(
                np.array(p["to_canonical"], dtype=float),
                float(p["amplitude"]),
                bool(p["grey"]),
                # Absent in records from before masks were refined.
                None if p.get("refinement") is None else unpack(p["refinement"], mask.values.shape),
            )
            for p in record["placements"]
        ]
        if not all(np.isfinite(p.to_canonical).all() and np.isfinite(p.amplitude) for p in placements):
            raise ValueError("a number is not finite")
        pixels = _without(saved, placements, mask)
        if record["clipped"] is not None:
            _put_back(record["clipped"], pixels)
        return Restored(pixels, pixels_hash(pixels) == record["original"])
    except (ValueError, KeyError, TypeError, AttributeError, IndexError, ArithmeticError, zlib.error) as error:
        what = f"its record is damaged ({type(error).__name__}: {error})"
        raise ImageError(f"{what}; restore the .restore file beside the key from a backup, or delete it") from error


class Masks:
    """Masks that a photo without a record may carry, in one frame."""

    def __init__(self, mask: Mask, refinements: Sequence[np.ndarray] = ()) -> None:
        """Args: mask: the user's; refinements: int8 (3, S, S), each makes another one of it."""
        self._mask = mask
        self._refinements: list[np.ndarray | None] = [None, *refinements]
        self._details = [_direction(mask.refined(one).values) for one in self._refinements]

    @classmethod
    def recorded(cls, mask: Mask, records: Manifest) -> Masks:
        """The user's mask, and it as refined for each photo in the records."""
        refinements: list[np.ndarray] = []
        for record in records.records():
            if record["settings_hash"] == mask.digest:
                # A damaged record is no help.
                with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
                    packed = [placement.get("refinement") for placement in record["placements"]]
                    refinements += [unpack(text, mask.values.shape) for text in packed if text is not None]
        return cls(mask, refinements)

    def likeliest(self, saved: np.ndarray, face: Face) -> Mask:
        """The one that shows most clearly on `face` of `saved`, uint8 (H, W, 3)."""
        size = self._mask.size
        crop = geometry.crop(saved, face.to_template(self._mask.template), size=size)
        shown = _detail(crop.permute(1, 2, 0).numpy().astype(np.float64)).clamp(-_EDGE, _EDGE).flatten()
        scores = [float(detail.double() @ shown) for detail in self._details]
        return self._mask.refined(self._refinements[int(np.argmax(scores))])


def restore_by_search(saved: np.ndarray, faces: Sequence[Face], masks: Masks, *, grey: bool) -> Restored | None:
    """Take the mask off a photo of which there is no record, such as one that a platform has re-compressed.

    The amplitude is estimated by regressing the fine detail of each face on that of the mask.

    Args:
        saved: uint8 (H, W, 3).
        faces: as detected in `saved`.
        masks: what it may carry.
        grey: the file holds one channel.

    Returns:
        The photo, near the original but not exact; None where no face carries a mask.
    """
    pixels = saved
    for face in faces:
        mask = masks.likeliest(saved, face)
        to_canonical = face.to_template(mask.template)
        amplitude = _amplitude(saved, to_canonical, mask, grey=grey)
        if amplitude > _LEAST_AMPLITUDE:
            pixels = _without(pixels, [Placement(to_canonical, amplitude, grey)], mask)
    return None if pixels is saved else Restored(pixels, exact=False)


_LEAST_AMPLITUDE = 0.15
_EDGE = 0.05  # edges of the picture are no trace of a mask: their pull is bounded
_BLUR_RADIUS = 4


def _amplitude(saved: np.ndarray, to_canonical: np.ndarray, mask: Mask, *, grey: bool) -> float:
    """How strongly the mask shows in `saved`, least squares on what a small blur takes away."""
    rows, columns, warped = mask.warp(to_canonical, height=saved.shape[0], width=saved.shape[1])
    if warped.size == 0:
        return 0.0
    of_mask = _detail(np.broadcast_to(warped.mean(2, keepdims=True), warped.shape).copy() if grey else warped)
    detail = _detail(saved[rows, columns] / 255).clamp(-_EDGE, _EDGE)
    return float((detail * of_mask).sum() / (of_mask**2).sum().clamp(min=1e-12))


def _direction(values: np.ndarray) -> Tensor:
    """The detail of mask `values` at unit length; in half precision, since a folder has hundreds to be compared."""
    detail = _detail(values.transpose(1, 2, 0)).flatten()
    unit: Tensor = detail / detail.norm().clamp(min=1e-12)
    return unit.half()


def _detail(image: np.ndarray) -> Tensor:
    """What a small blur takes away from float64 (H, W, 3): (1, 3, H, W)."""
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None]
    padded = F.pad(pixels, (_BLUR_RADIUS,) * 4, mode="replicate")
    return pixels - separable(padded, gaussian(radius=_BLUR_RADIUS, sigma=1.5))


def restore_folder(
    folder: Path, photos: Sequence[Path], key_file: Path, mask: Mask, detector: FaceDetector, *, out: Path
) -> Iterator[dict[str, str]]:
    """Write restored copies of `photos`, paths below `folder`, to the same paths below `out`.

    Yields:
        `photo`, `status` and `reason` of each: "exact" (the original's pixels, by their hash), "near", "no mask"
        (nothing was written) or "failed".

    Raises:
        OutputError: a file cannot be written.
    """
    records = open_records(key_file)
    masks = cache(lambda: Masks.recorded(mask, records))
    for path in photos:
        status, reason = _restore_file(folder / path, out / path, records, mask, masks, detector)
        yield {"photo": path.as_posix(), "status": status, "reason": reason}


def _restore_file(
    source: Path, target: Path, records: Manifest, mask: Mask, masks: Callable[[], Masks], detector: FaceDetector
) -> tuple[str, str]:
    try:
        photo = read_photo(source)
        record = find_record(records, photo.pixels, mask)
        if record is not None:
            restored: Restored | None = restore(photo.pixels, record, mask)
        else:
            restored = restore_by_search(photo.pixels, detector.detect(photo.pixels), masks(), grey=photo.grey)
        if restored is None:
            return "no mask", "there is no record of it beside the key, and no face in it carries this mask"
        # Never over another file: it may be the original.
        write_photo(target, photo, restored.pixels, keep_metadata=True, overwrite=False)
    except ImageError as error:
        return "failed", str(error)
    if restored.exact and photo.lossless:
        return "exact", ""
    if record is None:
        return (
            "near",
            "no record beside the key fits it as it is now: where the mask lies was estimated",
        )
    if not photo.lossless:
        return "near", f"{photo.format} does not keep pixels exactly"
    return "near", "its record leads back not quite to the original: it is damaged, or from another machine"


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


def _taken(pixels: np.ndarray, original: np.ndarray) -> str:
    """Where and by how much `pixels` differ from `original`."""
    where = np.flatnonzero(pixels != original).astype("<u4")
    missing = (original.reshape(-1)[where].astype(int) - pixels.reshape(-1)[where]).astype("<i2")
    # Steps between neighbours compress far better than positions.
    return base64.b85encode(
        zlib.compress(np.diff(where, prepend=0).astype("<u4").tobytes() + missing.tobytes())
    ).decode()


def _put_back(packed: str, pixels: np.ndarray) -> None:
    """Put back in place what `_taken` kept."""
    data = zlib.decompress(base64.b85decode(packed))
    count = len(data) // 6
    where = np.cumsum(np.frombuffer(data, "<u4", count), dtype=np.int64)
    missing = np.frombuffer(data, "<i2", count, offset=4 * count)
    flat = pixels.reshape(-1)
    flat[where] = (flat[where].astype(int) + missing).astype(np.uint8)
