"""Put a mask on one photo, within the budget as the written file will show it, and measure that file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from guise.chameleon.faces.detection import Face
from guise.chameleon.faces.embedding import EmbeddedFace, FaceReader, similarity
from guise.chameleon.faces.selection import FaceSelector, WhoseFace
from guise.chameleon.faces.template import FaceTemplate
from guise.chameleon.mask.mask import Mask, Patch, Placement, add
from guise.chameleon.visibility.budget import Budget, FaceMeter, Visibility, fit_amplitude
from guise.chameleon.visibility.lpips import LpipsMeter
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
        ImageError: writing the photo anew spends the budget with hardly a mask.
    """
    bounds = _Bounds(budget, lpips if lpips is not None and lpips.at_most is not None else None)
    own = [None] * len(faces) if refinements is None else refinements
    fits = [_Fit(photo, face, mask.refined(refinement)) for face, refinement in zip(faces, own, strict=True)]
    amplitudes = [fit.amplitude(bounds) if bounds.any else 1.0 for fit in fits]
    # Masks of faces that touch add up: weaken all until each face is within the budget.
    while bounds.any and len(fits) > 1 and not _within(bounds, fits, amplitudes):
        amplitudes = [0.9 * amplitude if amplitude > _SMALLEST_AMPLITUDE else 0.0 for amplitude in amplitudes]
    if min(amplitudes, default=1.0) < _SMALLEST_AMPLITUDE:
        raise ImageError(
            f"no mask fits the budget of visibility: writing it anew as {photo.format} changes a face that much; "
            f"choose a higher {'`strength=`' if bounds.lpips is None else '`strength=` or `lpips=`'}, or convert the "
            "photo to PNG"
        )
    pixels = photo.pixels
    for fit, amplitude in zip(fits, amplitudes, strict=True):
        pixels = add(pixels, fit.patch(amplitude))
    placed = zip(fits, amplitudes, own, strict=True)
    return Protected(pixels, tuple(Placement(f.to_canonical, a, photo.grey, refined) for f, a, refined in placed))


@dataclass(frozen=True)
class _Bounds:
    """How visible a mask may be: by the budget, by LPIPS, by both or without bounds."""

    budget: Budget | None
    lpips: LpipsMeter | None

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
        rows, columns = face.box_in(height, width)
        self._area = (_encoded_with(rows, height, photo), _encoded_with(columns, width, photo))
        top, left = (part.start for part in self._area)
        self._face = (slice(rows.start - top, rows.stop - top), slice(columns.start - left, columns.stop - left))
        self._original = photo.pixels[rows, columns]
        self._meter = FaceMeter(self._original)

    def patch(self, amplitude: float) -> Patch:
        """What to add to the photo."""
        levels = self._mask.levels(self._warped, amplitude=amplitude, grey=self._photo.grey)
        return Patch(self._rows, self._columns, levels)

    def spent(self, bounds: _Bounds, *patches: Patch) -> float:
        """The largest share of a bound that the face uses up, in a file written with these patches on the photo."""
        pixels = self._photo.pixels[self._area]
        for patch in patches:
            pixels = add(pixels, patch.within(*self._area))
        saved = as_saved(self._photo, pixels)[self._face]
        share = 0.0 if bounds.budget is None else bounds.budget.spent(self._meter.measure(saved))
        return share if bounds.lpips is None else max(share, bounds.lpips.spent(self._original, saved))

    def amplitude(self, bounds: _Bounds) -> float:
        """The largest at which the face alone is within the bounds; 0 where there is none."""
        return fit_amplitude(
            lambda amplitude: self.spent(bounds, self.patch(amplitude)),
            start=1.0,
            largest=1.0 if bounds.budget is None else _LARGEST_AMPLITUDE,
        )


def _encoded_with(part: slice, length: int, photo: Photo) -> slice:
    """Rows or columns that must be encoded to know what becomes of `part`: in JPEG whole blocks, elsewhere all."""
    if photo.lossless:
        return part
    if photo.format != "JPEG":
        return slice(0, length)
    return slice(_BLOCK * (part.start // _BLOCK), min(length, -(-part.stop // _BLOCK) * _BLOCK))


@dataclass(frozen=True)
class FaceMeasurement:
    """One face of a written file, compared with its original.

    Attributes:
        box: left, top, right, bottom of the face in the original, in pixels.
        visibility: SSIM and FLIP over the face's box in the original.
        similarity_before: cosine between the face and the user's face template, around the population's mean.
        similarity_after: the same of the written file; None where the detector no longer finds a face.
        linked_before: whether the recogniser takes the face for the user's.
        linked_after: the same of the written file; False where no face is found.
        lpips: LPIPS over the same box; None where it was not measured.
    """

    box: tuple[float, ...]
    visibility: Visibility
    similarity_before: float
    similarity_after: float | None
    linked_before: bool
    linked_after: bool
    lpips: float | None = None


def measure_saved(
    original: np.ndarray,
    saved: np.ndarray,
    faces: Sequence[EmbeddedFace],
    user: FaceSelector | None,
    reader: FaceReader,
) -> list[FaceMeasurement]:
    """Measure a written file, with faces detected, aligned and embedded anew.

    Args:
        original: uint8 (H, W, 3) RGB, the original's pixels.
        saved: uint8 (H, W, 3) RGB, pixels of the written file, re-opened.
        faces: the protected faces of the original.
        user: selects the user's faces; None where each face stands for a person of its own.
        reader: the detector and the recogniser to measure by.

    Returns:
        Measurements of each face.
    """
    population = reader.recogniser.population.cpu().numpy()
    results = []
    for face in faces:
        box = face.face.box_in(*original.shape[:2])
        person = user or FaceSelector(
            WhoseFace.REFERENCE, FaceTemplate(face.embedding), reader.recogniser.record.threshold
        )
        again = reader.detector.detect_near(saved, face.face)
        after = None if again is None else reader.embed([(saved, again)])[0]
        results.append(
            FaceMeasurement(
                box=tuple(face.face.box.tolist()),
                visibility=FaceMeter(original[box]).measure(saved[box]),
                similarity_before=similarity(face.embedding, person.template.mean, population),
                similarity_after=None if after is None else similarity(after, person.template.mean, population),
                linked_before=person.matches(face.embedding),
                linked_after=after is not None and person.matches(after),
            )
        )
    return results


def with_lpips(
    face: FaceMeasurement, original: np.ndarray, saved: np.ndarray, lpips: LpipsMeter | None
) -> FaceMeasurement:
    """Add LPIPS to the measurements of a face, unless it is there.

    Args:
        face: as measured.
        original: uint8 (H, W, 3) RGB, the original's pixels.
        saved: uint8 (H, W, 3) RGB, pixels of the written file.
        lpips: measures it; None where its weights are absent.

    Returns:
        The measurements, with LPIPS over the face's box.
    """
    if lpips is None or face.lpips is not None:
        return face
    box = Face(np.array(face.box), np.zeros((5, 2)), 1.0).box_in(*original.shape[:2])
    return replace(face, lpips=lpips.measure(original[box], saved[box]))
