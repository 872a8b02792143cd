"""What people see of a mask on the photo itself, which the optimisation only estimates."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from guise.chameleon.faces import geometry
from guise.chameleon.faces.crop import FaceCrop
from guise.chameleon.mask.mask import Mask, Placement, add
from guise.chameleon.visibility.budget import Budget, Visibility
from guise.chameleon.visibility.flip import PIXELS_PER_DEGREE
from guise.chameleon.visibility.viewing import Region, RegionMeter

_FINEST = 2  # times the canonical frame's resolution
_SPENT, _HALVINGS = 0.97, 5  # the rest is for what encoding adds


def seen_on(face: FaceCrop, mask: Mask) -> Visibility:
    """Measure how visible a mask is on the photo of a face.

    Args:
        face: the face.
        mask: to be put on it as it is.

    Returns:
        The measures where a screen shows the whole photo.
    """
    height, width = face.pixels.shape[:2]
    placement = Placement(face.face.to_template(mask.template), 1.0, face.grey)
    patch = mask.patch(placement, height=height, width=width)
    # A large face is looked at from farther away: as exact, and cheaper.
    scale = min(face.scale, _FINEST * geometry.scale_of(placement.to_canonical))
    region = Region.around(patch.rows, patch.columns, height=height, width=width, scale=scale)
    part = region.rows, region.columns
    meter = RegionMeter(face.pixels[part], region, pixels_per_degree=PIXELS_PER_DEGREE * scale / face.scale)
    return meter.measure(add(face.pixels[part], patch.within(*part)))


def largest_cap(face: FaceCrop, mask: Mask, budget: Budget) -> float:
    """Find the largest values that a mask may have within a budget.

    To weaken all of a mask takes most of its effect and hardly makes it less visible: FLIP is averaged over what is
    changed, and that shrinks too.

    Args:
        face: that the mask is for.
        mask: to be put on it as it is.
        budget: how visible it may be.

    Returns:
        A bound on the mask's values, in their unit; the largest of them where the budget allows all, or none.
    """

    def within(cap: float) -> bool:
        capped = replace(mask, values=np.clip(mask.values, -cap, cap))
        return budget.spent(seen_on(face, capped)) <= _SPENT

    low, largest = 0.0, float(abs(mask.values).max())
    if largest == 0 or within(largest):
        return largest
    high = largest
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if within(middle) else (low, middle)
    return low or largest
