"""Weaken a mask where the written file shows more of it than was foreseen.

Of a JPEG whose blocks are kept, what a decoder shows is foreseen up to rounding only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from guise.chameleon.faces.embedding import EmbeddedFace
from guise.chameleon.mask.mask import Mask, add
from guise.chameleon.protection.job import Job
from guise.chameleon.protection.look import Look
from guise.chameleon.protection.patience import Fitted
from guise.chameleon.protection.photo import Protected
from guise.models.files import Photo, written_and_read

_WEAKER = 0.96
_MOST = 20
_ROUNDING = 1.005  # of a bound


def settled(job: Job, fitted: Fitted, faces: Sequence[EmbeddedFace]) -> Protected:
    """Weaken a mask until its copy is within the budget.

    Args:
        job: the mask and its budget.
        fitted: the photo with the mask on.
        faces: that the mask lies on.

    Returns:
        The photo with the mask on; the same where the copy is within the budget, or exactly what was foreseen.
    """
    photo, protected, budget = fitted.photo, fitted.protected, job.budget
    if photo.compressed is None or budget is None:
        return protected
    looks = [Look(photo, face.face) for face in faces]
    for _ in range(_MOST):
        saved = written_and_read(photo, protected.pixels)
        spent = (budget.spent(look.meter.measure(saved[look.region.rows, look.region.columns])) for look in looks)
        if max(spent, default=0.0) <= _ROUNDING:
            break
        protected = _weaker(photo, protected, job.key.mask)
    return protected


def _weaker(photo: Photo, protected: Protected, mask: Mask) -> Protected:
    placements = tuple(replace(place, amplitude=_WEAKER * place.amplitude) for place in protected.placements)
    height, width = photo.pixels.shape[:2]
    pixels: np.ndarray = photo.pixels
    for placement in placements:
        pixels = add(pixels, mask.patch(placement, height=height, width=width))
    return Protected(pixels, placements)
