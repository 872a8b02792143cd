"""Put a mask on one photo, within the budget as the written file will show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from guise.chameleon.faces.detection import Face
from guise.chameleon.mask.mask import Mask, Patch, Placement, add
from guise.chameleon.protection.look import Look
from guise.chameleon.visibility.amplitude import fit_amplitude
from guise.chameleon.visibility.budget import Budget
from guise.chameleon.visibility.lpips import LpipsMeter
from guise.models.errors import ImageError
from guise.models.files import Photo

SMALLEST_AMPLITUDE = 0.1
"""A mask weaker than that protects nobody."""
_LARGEST_AMPLITUDE = 4.0
_SOME, _SURELY = 3, 0.8  # one of so many parts is looked at zoomed; where they spend less than this share, that will do
_WEAKER = 0.9  # factor on amplitudes, until all bounds hold


@dataclass(frozen=True)
class Protected:
    """A photo with the mask on.

    Attributes:
        pixels: uint8 (H, W, 3) RGB.
        placements: of the mask, in the order in which it was added.
    """

    pixels: np.ndarray
    placements: tuple[Placement, ...]


def protect_photo(
    photo: Photo,
    faces: Sequence[Face],
    mask: Mask,
    *,
    budget: Budget | None,
    refinements: Sequence[np.ndarray] | None = None,
    lpips: LpipsMeter | None = None,
) -> Protected:
    """Put a mask on faces of a photo.

    Args:
        photo: as read.
        faces: those to protect.
        mask: the user's.
        budget: how visible the mask may be on each face of the written file; None puts it on as learnt.
        refinements: of the mask, int8 (3, S, S) for each face; see `guise.chameleon.learning.refine`. None: the user's
            mask goes on all faces.
        lpips: holds the bound on LPIPS; None, or one without a bound, sets none.

    Returns:
        The photo with the mask on; nothing is written.

    Raises:
        ImageError: hardly a mask fits the budget.
    """
    bounds = _Bounds.of(budget, lpips)
    own = [None] * len(faces) if refinements is None else refinements
    fits = [_Fit(photo, face, mask.refined(refinement)) for face, refinement in zip(faces, own, strict=True)]
    amplitudes = [fit.amplitude(bounds) if bounds.any else 1.0 for fit in fits]
    # Masks of faces that touch add up: weaken all until each face is within the budget.
    while bounds.any and len(fits) > 1 and not _within(bounds, fits, amplitudes):
        amplitudes = [_WEAKER * amplitude if amplitude > SMALLEST_AMPLITUDE else 0.0 for amplitude in amplitudes]
    if min(amplitudes, default=1.0) < SMALLEST_AMPLITUDE:
        raise ImageError(
            f"no mask fits the budget of visibility: choose a higher "
            f"{'`strength=`' if bounds.lpips is None else '`strength=` or `lpips=`'}, or convert the photo to PNG"
        )
    pixels = photo.pixels
    for fit, amplitude in zip(fits, amplitudes, strict=True):
        pixels = add(pixels, fit.patch(amplitude))
    placed = zip(fits, amplitudes, own, strict=True)
    return Protected(pixels, tuple(Placement(f.to_canonical, a, photo.grey, refined) for f, a, refined in placed))


def lay(photo: Photo, mask: Mask, placements: Sequence[Placement]) -> Protected:
    """Put a mask on a photo where it is known how.

    Args:
        photo: as read.
        mask: the user's.
        placements: of the mask, in the order in which they are added.

    Returns:
        The photo with the mask on; nothing is written.
    """
    height, width = photo.pixels.shape[:2]
    pixels = photo.pixels
    for placement in placements:
        pixels = add(pixels, mask.patch(placement, height=height, width=width))
    return Protected(pixels, tuple(placements))


def spent_on(photo: Photo, face: Face, mask: Mask, *, budget: Budget | None, lpips: LpipsMeter | None = None) -> float:
    """Tell how much of the bounds a mask spends where it is put on a face as it is.

    Args:
        photo: as read.
        face: in the photo.
        mask: at the amplitude that counts.
        budget: as of `protect_photo`.
        lpips: as of `protect_photo`.

    Returns:
        The largest share of a bound; above 1 it is more visible than it may be.
    """
    fit = _Fit(photo, face, mask)
    return fit.spent(_Bounds.of(budget, lpips), fit.patch(1.0))


@dataclass(frozen=True)
class _Bounds:
    """How visible a mask may be: by the budget, by LPIPS, by both or without bounds."""

    budget: Budget | None
    lpips: LpipsMeter | None

    @classmethod
    def of(cls, budget: Budget | None, lpips: LpipsMeter | None) -> _Bounds:
        """A meter of LPIPS without a bound sets none."""
        return cls(budget, lpips if lpips is not None and lpips.at_most is not None else None)

    @property
    def any(self) -> bool:
        return self.budget is not None or self.lpips is not None


def _within(bounds: _Bounds, fits: Sequence[_Fit], amplitudes: Sequence[float]) -> bool:
    patches = [fit.patch(amplitude) for fit, amplitude in zip(fits, amplitudes, strict=True)]
    return all(fit.spent(bounds, *patches) <= 1 for fit in fits) or not any(amplitudes)


class _Fit:
    """How visible masks are on one face."""

    def __init__(self, photo: Photo, face: Face, mask: Mask) -> None:
        height, width = photo.pixels.shape[:2]
        self.to_canonical = face.to_template(mask.template)
        self._photo, self._mask = photo, mask
        self._rows, self._columns, self._warped = mask.warp(self.to_canonical, height=height, width=width)
        self._look = Look(photo, face)

    def patch(self, amplitude: float) -> Patch:
        """What to add to the photo."""
        levels = self._mask.levels(self._warped, amplitude=amplitude, grey=self._photo.grey)
        return Patch(self._rows, self._columns, levels)

    def spent(self, bounds: _Bounds, *patches: Patch) -> float:
        """The largest share of a bound that a file written with these patches uses up, where a screen shows all."""
        written = self._look.written_with(patches)
        share = 0.0 if bounds.budget is None else bounds.budget.spent(self._look.meter.measure(written))
        return share if bounds.lpips is None else max(share, bounds.lpips.spent(*self._look.face_boxes(written)))

    def amplitude(self, bounds: _Bounds) -> float:
        """The largest at which the face alone is within the bounds; 0 where there is none."""
        amplitude = fit_amplitude(
            lambda amplitude: self.spent(bounds, self.patch(amplitude)),
            start=1.0,
            largest=1.0 if bounds.budget is None else _LARGEST_AMPLITUDE,
        )
        if bounds.budget is not None and self._look.region.scale < 1:  # costly, and hardly ever the tighter bound
            while self._spent_zoomed(bounds.budget, amplitude) > 1:
                amplitude *= _WEAKER
        # A JPEG may round all of a weak mask away.
        unseen = bounds.any and np.array_equal(
            self._look.written_with([self.patch(amplitude)]), self._look.written_with([])
        )
        return 0.0 if unseen else amplitude

    def _spent_zoomed(self, budget: Budget, amplitude: float) -> float:
        written = self._look.written_with([self.patch(amplitude)])
        share = budget.zoomed().spent(self._look.meter.measure_zoomed(written, every=_SOME))
        return share if share < _SURELY else budget.zoomed().spent(self._look.meter.measure_zoomed(written))
