"""Restore a folder of protected photos."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from guise.chameleon.faces.detection import FaceDetector
from guise.chameleon.mask.mask import Mask
from guise.chameleon.restoration.restore_record import Restored, find_restore_record, open_restore_records, restore
from guise.chameleon.restoration.search import Masks, restore_by_search
from guise.models.errors import ImageError
from guise.models.files import Manifest, Photo, read_photo, write_photo

NO_VIDEOS = (
    "the mask is not taken off videos: their pictures were compressed with it, and what was there before is gone; "
    "keep the originals"
)
"""Why no video is restored."""


@dataclass(frozen=True)
class RestoredPhoto:
    """What became of one photo.

    Attributes:
        photo: its path below the folder.
        status: "exact" (the original's pixels, by their hash), "near", "no mask" (nothing was written) or "failed".
        reason: why it is not exact, else "".
    """

    photo: str
    status: str
    reason: str


def restore_folder(
    folder: Path, photos: Sequence[Path], key_file: Path, mask: Mask, detector: FaceDetector, *, out: Path
) -> Iterator[RestoredPhoto]:
    """Write restored copies of photos.

    Args:
        folder: where the protected photos are.
        photos: their paths below `folder`; the copies get the same paths below `out`.
        key_file: the key file, next to which the restore records lie.
        mask: the key's.
        detector: finds faces in photos without a restore record.
        out: where the copies go.

    Yields:
        What became of each.

    Raises:
        InputError: the restore records cannot be read.
        OutputError: a file cannot be written.
    """
    restore_records = open_restore_records(key_file)
    masks = cache(lambda: Masks.recorded(mask, restore_records))
    for path in photos:
        status, reason = _restore_file(folder / path, out / path, restore_records, mask, masks, detector)
        yield RestoredPhoto(path.as_posix(), status, reason)


def _restore_file(
    source: Path,
    target: Path,
    restore_records: Manifest,
    mask: Mask,
    masks: Callable[[], Masks],
    detector: FaceDetector,
) -> tuple[str, str]:
    try:
        photo = read_photo(source)
        found = [
            _restore(photo.at(number), restore_records, mask, masks, detector)
            for number in range(max(len(photo.frames), 1))
        ]
        if all(restored is None for restored, _ in found):
            return "no mask", "there is no restore record of it next to the key, and no face in it carries this mask"
        pixels = [photo.at(at).pixels if one is None else one.pixels for at, (one, _) in enumerate(found)]
        # Never over another file: it may be the original.
        write_photo(target, photo, pixels, keep_metadata=True, overwrite=False)
    except ImageError as error:
        return "failed", str(error)
    if photo.lossless and all(restored is not None and restored.exact for restored, _ in found):
        return "exact", ""
    if not all(recorded for _, recorded in found):
        return "near", "no restore record next to the key fits it as it is now: where the mask lies was estimated"
    if not photo.lossless:
        return "near", f"{photo.format} does not keep pixels exactly"
    return "near", "its restore record does not lead quite back to the original: it is damaged, or from another machine"


def _restore(
    photo: Photo,
    restore_records: Manifest,
    mask: Mask,
    masks: Callable[[], Masks],
    detector: FaceDetector,
) -> tuple[Restored | None, bool]:
    """One picture without the mask, None if it carries none; and whether there is a restore record of it."""
    restore_record = find_restore_record(restore_records, photo.pixels, mask)
    if restore_record is not None:
        return restore(photo.pixels, restore_record, mask), True
    return restore_by_search(photo.pixels, detector.detect(photo.pixels), masks(), grey=photo.grey), False
