"""Put a mask on one photo, within the budget as the written file will show it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from guise.chameleon.faces.detection import Face
from guise.chameleon.mask.mask import Mask, Patch, Placement, add
from guise.chameleon.visibility.budget import Budget, FaceMeter, Visibility, fit_amplitude
from guise.models.errors import ImageError
from guise.models.files import Photo, as_saved

_SMALLEST_AMPLITUDE, _LARGEST_AMPLITUDE = 0.1, 4.0  # a mask weaker than that protects nobody
_BLOCK = 16  # JPEG's largest unit: what lies in other blocks does not change a face's


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
) -> Protected:
    """Put a mask on faces of a photo.

    Args:
        photo: as read.
        faces: those to protect.
        mask: the user's.
        budget: how visible the mask may be on each face of the written file; None puts it on as learnt.
        refinements: of the mask, int8 (3, S, S) for each face; see `guise.chameleon.learning.refine`. None: the user's
            mask goes on all faces.

    Returns:
        The photo with the mask on; nothing is written.

    Raises:
        ImageError: writing the photo anew spends the budget with hardly a mask.
    """
    own = [None] * len(faces) if refinements is None else refinements
    fits = [_Fit(photo, face, mask.refined(refinement)) for face, refinement in zip(faces, own, strict=True)]
    amplitudes = [1.0 if budget is None else fit.amplitude(budget) for fit in fits]
    # Masks of faces that touch add up: weaken all until each face is within the budget.
    while budget is not None and len(fits) > 1 and not _within(budget, fits, amplitudes):
        amplitudes = [0.9 * amplitude if amplitude > _SMALLEST_AMPLITUDE else 0.0 for amplitude in amplitudes]
    if min(amplitudes, default=1.0) < _SMALLEST_AMPLITUDE:
        raise ImageError(
            f"no mask fits the budget of visibility: writing it anew as {photo.format} changes a face that much; "
            "choose a higher `strength=`, or convert the photo to PNG"
        )
    pixels = photo.pixels
    for fit, amplitude in zip(fits, amplitudes, strict=True):
        pixels = add(pixels, fit.patch(amplitude))
    placed = zip(fits, amplitudes, own, strict=True)
    return Protected(pixels, tuple(Placement(f.to_canonical, a, photo.grey, refined) for f, a, refined in placed))


def _within(budget: Budget, fits: Sequence[_Fit], amplitudes: Sequence[float]) -> bool:
    patches = [fit.patch(amplitude) for fit, amplitude in zip(fits, amplitudes, strict=True)]
    return all(budget.spent(fit.visibility(*patches)) <= 1 for fit in fits) or not any(amplitudes)


class _Fit:
    """How visible masks are on one face."""

    def __init__(self, photo: Photo, face: Face, mask: Mask) -> None:
        height, width = photo.pixels.shape[:2]
        self.to_canonical = face.to_template(mask.template)
        self._photo, self._mask = photo, mask
        self._rows, self._columns, self._warped = mask.warp(self.to_canonical, height=height, width=width)
        rows, columns = face.box_in(height, width)
        self._area = (_encoded_with(rows, height, photo), _encoded_with(columns, width, photo))
        top, left = (part.start for part in self._area)
        self._face = (slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left))
        self._meter = FaceMeter(photo.pixels[rows, columns])

    def patch(self, amplitude: float) -> Patch:
        """What to add to the photo."""
        levels = self._mask.levels(self._warped, amplitude=amplitude, grey=self._photo.grey)
        return Patch(self._rows, self._columns, levels)

    def visibility(self, *patches: Patch) -> Visibility:
        """Of the face in a file written with these patches on the photo."""
        pixels = self._photo.pixels[self._area]
        for patch in patches:
            pixels = add(pixels, patch.within(*self._area))
        return self._meter.measure(as_saved(self._photo, pixels)[self._face])

    def amplitude(self, budget: Budget) -> float:
        """The largest at which the face alone is within the budget; 0 where there is none."""
        return fit_amplitude(
            lambda amplitude: budget.spent(self.visibility(self.patch(amplitude))),
            start=1.0,
            largest=_LARGEST_AMPLITUDE,
        )


def _encoded_with(part: slice, length: int, photo: Photo) -> slice:
    """Rows or columns that must be encoded to know what becomes of `part`: in JPEG whole blocks, elsewhere all."""
    if photo.lossless:
        return part
    if photo.format != "JPEG":
        return slice(0, length)
    return slice(_BLOCK * (part.start // _BLOCK), min(length, -(-part.stop // _BLOCK) * _BLOCK))
