"""What people see of a mask on the photo itself, which the optimisation only estimates."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from hashlib import sha256

import numpy as np

from guise.chameleon.faces import geometry
from guise.chameleon.faces.crop import FaceCrop
from guise.chameleon.mask.mask import Mask, Placement, add
from guise.chameleon.visibility.budget import Budget, Visibility
from guise.chameleon.visibility.flip import PIXELS_PER_DEGREE
from guise.chameleon.visibility.viewing import Region, RegionMeter

_LUMA = np.array([0.299, 0.587, 0.114])
_FINEST = 2  # times the canonical frame's resolution
_MUCH_SMALLER = 0.5  # than the photo: then masks are laid on the small picture, not on the photo
_NEAR = 0.005  # share of a budget that a search may leave
_STEP = 0.05  # of the range that is left, from either end

TRIES = 8
"""How often a search measures at most, after it has measured the largest."""
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
        to_canonical = face.face.to_template(template)
        rows, columns = geometry.covered(to_canonical, size=size, height=height, width=width)
        # A large face is looked at from farther away: as exact, and cheaper.
        scale = min(face.scale, _FINEST * geometry.scale_of(to_canonical))
        region = Region.around(rows, columns, height=height, width=width, scale=scale)
        pixels_per_degree = PIXELS_PER_DEGREE * scale / face.scale
        original = face.pixels[region.rows, region.columns]
        if scale <= _MUCH_SMALLER:  # what is so coarse in the file, its compression hardly changes
            original, saved = region.on_screen(original), None
            to_canonical = geometry.compose(region.to_photo(), to_canonical)
            region = Region(slice(0, original.shape[0]), slice(0, original.shape[1]), 1.0)
        else:
            to_canonical = geometry.compose(
                np.column_stack([np.eye(2), (region.columns.start, region.rows.start)]), to_canonical
            )
            saved = face.saved
        self._original, self._saved = original, saved or (lambda pixels: pixels)
        self._placement = Placement(to_canonical, 1.0, face.grey)
        self._meter = RegionMeter(self._saved(original), region, pixels_per_degree=pixels_per_degree)
        self._measured: dict[bytes, Visibility] = {}

    def measure(self, mask: Mask) -> Visibility:
        """Measure a mask.

        Args:
            mask: to be put on the face as it is.

        Returns:
            The measures where a screen shows the whole photo.
        """
        known = sha256(mask.values.tobytes()).digest()
        if known not in self._measured:
            height, width = self._original.shape[:2]
            shown = add(self._original, mask.patch(self._placement, height=height, width=width))
            self._measured[known] = self._meter.measure(self._saved(shown))
        return self._measured[known]


def within_budget(meter: PhotoMeter, mask: Mask, budget: Budget, *, tries: int = TRIES) -> Mask:
    """Fit a mask to a budget: make it as strong as that allows, its colour no stronger than flecks allow.

    Where the mask is too visible as it is, its largest values are cut. To weaken all of it would take most of its
    effect and hardly make it less visible: FLIP is averaged over what is changed, and that shrinks too. For the same
    reason a mask can often be made much stronger.

    Args:
        meter: of the photo of the face that the mask is for.
        mask: to be put on it as it is.
        budget: how visible it may be.
        tries: how often each search may measure.

    Returns:
        The mask, within the budget if its colour and largest values can be cut so far.
    """

    def spent(changed: Mask) -> float:
        return budget.spent(meter.measure(changed)) / SPENT

    def stronger(by: float) -> Mask:
        values = np.clip((1 + by) * mask.values, -mask.epsilon, mask.epsilon)
        return paler(values.astype(np.float32))

    def paler(values: np.ndarray) -> Mask:
        grey = np.tensordot(_LUMA, values, 1)[None]

        def of(share: float) -> Mask:
            return replace(mask, values=(grey + share * (values - grey)).astype(np.float32))

        return of(_largest(lambda share: budget.flecks_spent(meter.measure(of(share))) / SPENT, tries))

    def capped(share: float) -> Mask:
        cap = share * float(abs(as_it_is.values).max())
        return replace(as_it_is, values=np.clip(as_it_is.values, -cap, cap))

    as_it_is = stronger(0.0)
    if spent(as_it_is) <= 1:
        return stronger(_largest(lambda by: spent(stronger(by)), tries, at_0=spent(as_it_is)))
    return capped(_largest(lambda share: spent(capped(share)), tries) or 1.0)


def _largest(spend: Callable[[float], float], tries: int, *, at_0: float = 0.0) -> float:
    """A large number in [0, 1] for which `spend` gives at most 1, if 0 is one, in few tries; it grows with its number.

    A false position that has stayed on one side is halved towards the other ("Illinois"; M. Dowell, P. Jarratt, BIT
    1971). The measures are nearly straight, so two or three tries come near.
    """
    ends, values = [0.0, 1.0], [at_0 - 1, spend(1.0) - 1]
    if values[1] <= 0:
        return 1.0
    weights, last, within = list(values), None, values[0]
    for _ in range(tries):
        if within >= -_NEAR:
            break
        share = (-_NEAR / 2 - weights[0]) / (weights[1] - weights[0])
        middle = ends[0] + min(max(share, _STEP), 1 - _STEP) * (ends[1] - ends[0])
        value = spend(middle) - 1
        side = int(value > 0)
        if side == last:
            weights[1 - side] /= 2
        ends[side], weights[side], last = middle, value, side
        within = within if side else value
    return ends[0]
