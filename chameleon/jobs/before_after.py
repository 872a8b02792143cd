"""The picture of some faces before and after, which people judge by eye."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from guise.chameleon.evaluation.verify import Measurements
from guise.chameleon.protection.job import PhotoResult
from guise.chameleon.protection.sheet import Pair, draw_pairs, face_crop
from guise.models.errors import ImageError, OutputError
from guise.models.files import printable
from guise.models.files.videos.pictures import read_picture
from guise.models.watching import Announce

_MOST_SHOWN = 6


def change(before: float, after: float | None) -> str:
    """Write a change of similarity as text.

    Args:
        before: the original's.
        after: the copy's; None where no face was found.

    Returns:
        Such as "0.98 -> 0.31".
    """
    return f"{before:.2f} -> " + ("no face" if after is None else f"{after:.2f}")


def by_whom(recognisers: Sequence[str]) -> str:
    """Say which recognisers still link a photo to the user.

    Args:
        recognisers: their names.

    Returns:
        The names, or "nobody".
    """
    return ", ".join(map(printable, recognisers)) or "nobody"


def draw_protected(folder: Path, out: Path, results: Sequence[PhotoResult], picture: Path, *, tell: Announce) -> bool:
    """Draw the first protected photos.

    Args:
        folder: with the originals.
        out: with the copies.
        results: of the run.
        picture: the file.
        tell: called with the reason if it cannot be drawn.

    Returns:
        Whether there is a picture: False if no photo was protected, or it cannot be written.
    """
    pairs = []
    try:
        for result in [result for result in results if result.faces][:_MOST_SHOWN]:
            face = result.faces[0]
            before, after = (face_crop(read_picture(place / result.shown).pixels, face.box) for place in (folder, out))
            alike = change(face.similarity_before, face.similarity_after)
            seen = f"similarity {alike}, still linked by {by_whom(face.linked_by)}"
            pairs.append(Pair(before, after, f"{seen}, SSIM {face.visibility.ssim:.3f}"))
        if pairs:
            draw_pairs(pairs, picture)
    except (ImageError, OutputError) as error:
        tell(f"No before/after picture: {error}")
        return False
    return bool(pairs)


def draw_verified(measured: Measurements, originals: Path, protected: Path, picture: Path, *, tell: Announce) -> bool:
    """Draw the photos that changed most to the eye.

    Args:
        measured: of the pairs of photos.
        originals: folder with the originals.
        protected: folder with the copies.
        picture: the file.
        tell: called with the reason if it cannot be written.

    Returns:
        Whether there is a picture.
    """
    first, pairs = measured.recognisers[0], []
    most_changed = sorted(enumerate(measured.photos), key=lambda item: item[1].visibility.ssim)[:_MOST_SHOWN]
    for i, photo in most_changed:
        files = (folder / photo.photo for folder in (originals, protected))
        before, after = (face_crop(read_picture(file).pixels, photo.face.box) for file in files)
        alike = change(first.similarities[i], first.saved.similarities[i])
        pairs.append(Pair(before, after, f"similarity {alike}, SSIM {photo.visibility.ssim:.3f}"))
    try:
        draw_pairs(pairs, picture)
    except OutputError as error:
        tell(str(error))
        return False
    return True
