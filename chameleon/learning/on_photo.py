"""What people see of a mask on the photo itself, which the optimisation only estimates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from guise.chameleon.faces import geometry
from guise.chameleon.faces.crop import FaceCrop
from guise.chameleon.mask.mask import Mask, Placement, add
from guise.chameleon.visibility.budget import Budget, Visibility
from guise.chameleon.visibility.flip import PIXELS_PER_DEGREE
from guise.chameleon.visibility.viewing import Region, RegionMeter

_LUMA = np.array([0.299, 0.587, 0.114])
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


def within_budget(face: FaceCrop, mask: Mask, budget: Budget) -> Mask:
    """Fit a mask into a budget: first its colour, as flecks need, then its largest values.

    To weaken all of a mask takes most of its effect and hardly makes it less visible: FLIP is averaged over what is
    changed, and that shrinks too.

    Args:
        face: that the mask is for.
        mask: to be put on it as it is.
        budget: how visible it may be.

    Returns:
        The mask, within the budget if its colour and largest values can be cut so far; else as it was.
    """
    grey = np.tensordot(_LUMA, mask.values, 1)[None]

    def paler(share: float) -> Mask:
        return replace(mask, values=(grey + share * (mask.values - grey)).astype(np.float32))

    def capped(share: float, of: Mask) -> Mask:
        cap = share * float(abs(of.values).max())
        return replace(of, values=np.clip(of.values, -cap, cap))

    mask = paler(_largest(lambda share: budget.flecks_spent(seen_on(face, paler(share))) <= _SPENT))
    return capped(_largest(lambda share: budget.spent(seen_on(face, capped(share, mask))) <= _SPENT), mask)


def _largest(allowed: Callable[[float], bool]) -> float:
    """The largest share in [0, 1] that is allowed, nearly; 1 where none is."""
    if allowed(1.0):
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if allowed(middle) else (low, middle)
    return low or 1.0
