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
_HALVINGS = 5

SPENT = 0.97
"""Share of a budget that a mask is fitted to; the rest is for what encoding adds."""


class PhotoMeter:
    """Measures how visible masks are on the photo of one face; what depends on the photo alone is computed once."""

    def __init__(self, face: FaceCrop, template: np.ndarray, *, size: int) -> None:
        """Prepare the photo.

        Args:
            face: the face.
            template: float64 (5, 2), the landmark template of the masks.
            size: side of the masks, in pixels.
        """
        height, width = face.pixels.shape[:2]
        self._face, self._placement = face, Placement(face.face.to_template(template), 1.0, face.grey)
        to_canonical = self._placement.to_canonical
        rows, columns = geometry.covered(to_canonical, size=size, height=height, width=width)
        # A large face is looked at from farther away: as exact, and cheaper.
        scale = min(face.scale, _FINEST * geometry.scale_of(to_canonical))
        region = Region.around(rows, columns, height=height, width=width, scale=scale)
        self._part = region.rows, region.columns
        pixels_per_degree = PIXELS_PER_DEGREE * scale / face.scale
        self._meter = RegionMeter(self._saved(face.pixels[self._part]), region, pixels_per_degree=pixels_per_degree)

    def measure(self, mask: Mask) -> Visibility:
        """Measure a mask.

        Args:
            mask: to be put on the face as it is.

        Returns:
            The measures where a screen shows the whole photo.
        """
        height, width = self._face.pixels.shape[:2]
        patch = mask.patch(self._placement, height=height, width=width)
        return self._meter.measure(self._saved(add(self._face.pixels[self._part], patch.within(*self._part))))

    def _saved(self, pixels: np.ndarray) -> np.ndarray:
        return pixels if self._face.saved is None else self._face.saved(pixels)


def seen_on(face: FaceCrop, mask: Mask) -> Visibility:
    """Measure how visible a mask is on the photo of a face.

    Args:
        face: the face.
        mask: to be put on it as it is.

    Returns:
        The measures where a screen shows the whole photo.
    """
    return PhotoMeter(face, mask.template, size=mask.size).measure(mask)


def within_budget(face: FaceCrop, mask: Mask, budget: Budget) -> Mask:
    """Fit a mask to a budget: make it as strong as that allows, its colour no stronger than flecks allow.

    Where the mask is too visible as it is, its largest values are cut. To weaken all of it would take most of its
    effect and hardly make it less visible: FLIP is averaged over what is changed, and that shrinks too. For the same
    reason a mask can often be made much stronger.

    Args:
        face: that the mask is for.
        mask: to be put on it as it is.
        budget: how visible it may be.

    Returns:
        The mask, within the budget if its colour and largest values can be cut so far.
    """
    meter = PhotoMeter(face, mask.template, size=mask.size)

    def fits(changed: Mask) -> bool:
        return budget.spent(meter.measure(changed)) <= SPENT

    def stronger(by: float) -> Mask:
        values = np.clip((1 + by) * mask.values, -mask.epsilon, mask.epsilon)
        return paler(values.astype(np.float32))

    def paler(values: np.ndarray) -> Mask:
        grey = np.tensordot(_LUMA, values, 1)[None]

        def of(share: float) -> Mask:
            return replace(mask, values=(grey + share * (values - grey)).astype(np.float32))

        return of(_largest(lambda share: budget.flecks_spent(meter.measure(of(share))) <= SPENT))

    def capped(share: float) -> Mask:
        cap = share * float(abs(as_it_is.values).max())
        return replace(as_it_is, values=np.clip(as_it_is.values, -cap, cap))

    as_it_is = stronger(0.0)
    if fits(as_it_is):
        return stronger(_largest(lambda by: fits(stronger(by))))
    return capped(_largest(lambda share: fits(capped(share))) or 1.0)


def _largest(allowed: Callable[[float], bool]) -> float:
    """The largest number in [0, 1] that is allowed, nearly, if 0 is."""
    if allowed(1.0):
        return 1.0
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if allowed(middle) else (low, middle)
    return low
