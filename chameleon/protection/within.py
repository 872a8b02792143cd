"""Weaken a mask where the written file shows more of it than was foreseen.

Of a JPEG whose blocks are kept, what a decoder shows is foreseen up to rounding only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from guise.chameleon.faces.embedding import EmbeddedFace
from guise.chameleon.protection.job import Job
from guise.chameleon.protection.look import Look
from guise.chameleon.protection.photo import Protected, lay
from guise.models.files import Photo, written_and_read

_WEAKER = 0.96
_MOST = 20


def settled(job: Job, path: Path, photo: Photo, protected: Protected, faces: Sequence[EmbeddedFace]) -> Protected:
    """Weaken a mask until its copy is within the bounds.

    Args:
        job: the mask and its bounds.
        path: of the copy, below the folder.
        photo: the original, described as its copy is to be written.
        protected: it with the mask on.
        faces: that the mask lies on.

    Returns:
        The photo with the mask on; the same where the copy is within the bounds, or exactly what was foreseen.

    Raises:
        ImageError: the copy cannot be encoded.
    """
    if photo.compressed is None or (job.budget is None and (job.lpips is None or job.lpips.at_most is None)):
        return protected
    looks = [Look(photo, face.face) for face in faces]
    for _ in range(_MOST):
        saved = written_and_read(path, photo, protected.pixels)
        if max((_spent(job, look, saved) for look in looks), default=0.0) <= 1:
            break
        weaker = [replace(place, amplitude=_WEAKER * place.amplitude) for place in protected.placements]
        protected = lay(photo, job.key.mask, weaker)
    return protected


def _spent(job: Job, look: Look, saved: np.ndarray) -> float:
    shown = saved[look.region.rows, look.region.columns]
    share = 0.0 if job.budget is None else job.budget.spent(look.meter.measure(shown))
    return share if job.lpips is None else max(share, job.lpips.spent(*look.face_boxes(shown)))
