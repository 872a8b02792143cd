"""Take the mask off again, with the key."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from guise.chameleon.faces.detection import FaceDetector
from guise.chameleon.mask.key import Key, load_key
from guise.chameleon.restoration.folder import NO_VIDEOS, RestoredPhoto, restore_folder
from guise.models.devices import best_device
from guise.models.errors import InputError
from guise.models.files import check_output_folder, check_writable, list_photos, only_one, remove_stale
from guise.models.watching import Progress


@dataclass(frozen=True)
class RestorationReport:
    """What `restore` did.

    Attributes:
        out: with the restored copies.
        photos: what became of each.
    """

    out: Path
    photos: tuple[RestoredPhoto, ...]

    @property
    def exact(self) -> tuple[str, ...]:
        """Photos whose pixels are the original's, bit for bit."""
        return tuple(photo.photo for photo in self.photos if photo.status == "exact")

    @property
    def restored(self) -> tuple[str, ...]:
        """Photos that were written, exact or near."""
        return tuple(photo.photo for photo in self.photos if photo.status in ("exact", "near"))

    def to_json(self) -> str:
        """Write the report for programs.

        Returns:
            JSON.
        """
        return json.dumps({"out": str(self.out), "photos": [asdict(photo) for photo in self.photos]}, indent=1)


def restore(
    protected: str | Path,
    key: Key | str | Path,
    *,
    out: str | Path,
    device: str = "auto",
    progress: Progress | None = None,
) -> RestorationReport:
    """Write copies of the photos in `protected` without the mask.

    They are exact to the bit for files of lossless formats that are as `protect` wrote them, and near the original for
    JPEG, for lossy WebP and for photos that were changed on their way. Videos are not restored.

    Args:
        protected: folder with protected photos; nothing in it is changed.
        key: the user's, or its file. The records next to the file are needed for exact restoration.
        out: where the restored copies go; the same tree.
        device: "auto", "cpu", "cuda" ...
        progress: called with what is being done, items done and items in all.

    Returns:
        What became of each photo.

    Raises:
        InputError: a folder or file cannot be used.
        KeyFileError: the key is damaged or foreign.
        OutputError: a file cannot be written, or another run uses `out`.
    """
    folder, out = Path(protected).absolute(), Path(out).absolute()
    known = key if isinstance(key, Key) else load_key(Path(key))
    file = known.file
    if file is None:
        raise InputError("this key lies in no file, so there are no records next to it: load it with `load_key`")
    listing = list_photos(folder, videos=True)
    check_output_folder(folder, out)
    check_writable(out)
    with only_one(out, remedy="name another `out=`"):
        remove_stale(out)
        detector = FaceDetector(device=best_device(device))
        photos = []
        for photo in restore_folder(folder, listing.photos, file, known.mask, detector, out=out):
            photos.append(photo)
            if progress is not None:
                progress("restoring", len(photos), len(listing.photos))
        photos += [RestoredPhoto(video.as_posix(), "failed", NO_VIDEOS) for video in listing.videos]
    return RestorationReport(out, tuple(photos))
