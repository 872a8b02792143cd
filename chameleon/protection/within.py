"""Weaken a mask where the written file shows more of it than was foreseen.

Of a JPEG whose blocks are kept, what a decoder shows is foreseen up to rounding only. WebP, HEIC and AVIF predict
pixels from others all over a picture, and a mask is fitted while a part of it is encoded by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from guise.chameleon.faces.embedding import EmbeddedFace
from guise.chameleon.mask.mask import Placement
from guise.chameleon.protection.job import Job
from guise.chameleon.protection.look import Look, by_parts, region_of
from guise.chameleon.protection.photo import SMALLEST_AMPLITUDE, Protected, lay
from guise.models.files import Photo, written_and_read

_WEAKER = 0.96
_MOST = 20


@dataclass(frozen=True)
class Settled:
    """A photo whose copy is within the bounds.

    Attributes:
        protected: the photo with the mask on.
        originals: uint8 (h, w, 3) RGB of each face's region, as the original shows it that is written anew; None where
            a part of it that is encoded by itself shows the same.
    """

    protected: Protected
    originals: Sequence[np.ndarray | None]


def settled(job: Job, path: Path, photo: Photo, protected: Protected, faces: Sequence[EmbeddedFace]) -> Settled:
    """Weaken a mask until its copy is within the bounds.

    Args:
        job: the mask and its bounds.
        path: of the copy, below the folder.
        photo: the original, described as its copy is to be written.
        protected: it with the mask on.
        faces: that the mask lies on.

    Returns:
        The photo with the mask on: the same where the copy is within the bounds, or exactly what was foreseen; where no
        mask that still protects is within them, the one that comes nearest.

    Raises:
        ImageError: the copy cannot be encoded.
    """
    originals: Sequence[np.ndarray | None] = [None] * len(faces)
    bounded = job.budget is not None or (job.lpips is not None and job.lpips.at_most is not None)
    # Colours of a palette are spread anew over all of a picture whatever changes, which is not the mask's.
    foreseen = (by_parts(photo) and photo.compressed is None) or photo.format == "GIF"
    if foreseen or not bounded:
        return Settled(protected, originals)
    if not by_parts(photo):
        anew = written_and_read(path, photo, photo.pixels)
        regions = [region_of(photo, face.face) for face in faces]
        originals = [anew[region.rows, region.columns].copy() for region in regions]
        del anew
    looks = [Look(photo, face.face, original=own) for face, own in zip(faces, originals, strict=True)]
    tried: list[tuple[float, Sequence[Placement]]] = []
    while len(tried) < _MOST:
        saved = written_and_read(path, photo, protected.pixels)
        tried.append((max((_spent(job, look, saved) for look in looks), default=0.0), protected.placements))
        weaker = [replace(place, amplitude=_WEAKER * place.amplitude) for place in protected.placements]
        if tried[-1][0] <= 1 or min(place.amplitude for place in weaker) < SMALLEST_AMPLITUDE:
            break
        protected = lay(photo, job.key.mask, weaker)
    _, best = min(tried, key=lambda trial: trial[0])
    return Settled(protected if best is protected.placements else lay(photo, job.key.mask, best), originals)


def _spent(job: Job, look: Look, saved: np.ndarray) -> float:
    shown = saved[look.region.rows, look.region.columns]
    share = 0.0 if job.budget is None else job.budget.spent(look.meter.measure(shown))
    return share if job.lpips is None else max(share, job.lpips.spent(*look.face_boxes(shown)))
