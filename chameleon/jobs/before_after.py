"""The picture of some faces before and after, which people judge by eye."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from guise.chameleon.evaluation.verify import Report
from guise.chameleon.jobs.networks import Announce
from guise.chameleon.protection.job import PhotoResult
from guise.chameleon.protection.sheet import Pair, draw_pairs, face_crop
from guise.models.errors import ImageError, OutputError
from guise.models.files import read_photo

_MOST_SHOWN = 6


def change(before: float, after: float | None) -> str:
    """Two similarities as text; None where the recogniser finds no face any more."""
    return f"{before:.2f} -> " + ("no face found" if after is None else f"{after:.2f}")


def draw_protected(folder: Path, out: Path, results: Sequence[PhotoResult], picture: Path, *, tell: Announce) -> bool:
    """Draw the first protected photos; False where there is none to show or no way to write the picture."""
    pairs = []
    try:
        for result in [result for result in results if result.faces][:_MOST_SHOWN]:
            face = result.faces[0]
            before, after = (face_crop(read_photo(place / result.photo).pixels, face.box) for place in (folder, out))
            alike = change(face.similarity_before, face.similarity_after)
            pairs.append(Pair(before, after, f"similarity {alike}, SSIM {face.visibility.ssim:.3f}"))
        if pairs:
            draw_pairs(pairs, picture)
    except (ImageError, OutputError) as error:
        tell(f"No before/after picture: {error}")
        return False
    return bool(pairs)


def draw_verified(report: Report, originals: Path, protected: Path, picture: Path, *, tell: Announce) -> bool:
    """Draw the photos that changed most to the eye; False where the picture cannot be written."""
    first, pairs = report.recognisers[0], []
    most_changed = sorted(enumerate(report.photos), key=lambda item: item[1].visibility.ssim)[:_MOST_SHOWN]
    for i, photo in most_changed:
        files = (folder / photo.photo for folder in (originals, protected))
        before, after = (face_crop(read_photo(file).pixels, photo.face.box) for file in files)
        alike = change(first.similarities[i], first.saved.similarities[i])
        pairs.append(Pair(before, after, f"similarity {alike}, SSIM {photo.visibility.ssim:.3f}"))
    try:
        draw_pairs(pairs, picture)
    except OutputError as error:
        tell(str(error))
        return False
    return True
