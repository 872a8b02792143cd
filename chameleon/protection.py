"""Put a mask on one photo, within the budget as the written file will show it, and measure that file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from chameleon import geometry
from chameleon.faces import Face, FaceDetector
from chameleon.identity import similarity
from chameleon.mask import Mask, Patch, Placement, add
from chameleon.owner import Owner, Sighting
from chameleon.perception.budget import Budget, FaceMeter, Visibility, fit_amplitude
from models import Recogniser
from models.files import Photo, as_saved

_LARGEST_AMPLITUDE = 4.0
_BLOCK = 16  # JPEG's largest unit: what lies in other blocks does not change a face's


class FaceReader:
    """Finds faces and embeds them: who is on a photo."""

    def __init__(self, detector: FaceDetector, recogniser: Recogniser) -> None:
        self.detector = detector
        self.recogniser = recogniser

    def read(self, pixels: np.ndarray, *, name: str) -> list[Sighting]:
        """All faces in `pixels`, uint8 (H, W, 3), of the photo called `name`."""
        faces = self.detector.detect(pixels)
        embeddings = self.embed([(pixels, face) for face in faces])
        return [Sighting(name, face, row) for face, row in zip(faces, embeddings, strict=True)]

    def embed(self, faces: Sequence[tuple[np.ndarray, Face]]) -> np.ndarray:
        """Embeddings of faces in their photos: float32 (N, D)."""
        return embed(faces, self.recogniser)


def embed(faces: Sequence[tuple[np.ndarray, Face]], recogniser: Recogniser) -> np.ndarray:
    """Embeddings of (photo, face) pairs: float32 (N, D), raw."""
    record = recogniser.record
    if not faces:
        return np.zeros((0, record.embedding_size), dtype=np.float32)
    template = np.array(record.template)
    crops = torch.stack(
        [geometry.crop(pixels, face.to_template(template), size=record.input_size) for pixels, face in faces]
    )
    with torch.no_grad():
        parts = [recogniser(part.to(recogniser.mean.device)).cpu() for part in crops.split(16)]
    return torch.cat(parts).numpy()


@dataclass(frozen=True)
class Protected:
    """A photo with the mask on.

    Attributes:
        pixels: uint8 (H, W, 3).
        placements: of the mask, in the order in which it was added.
    """

    pixels: np.ndarray
    placements: tuple[Placement, ...]


def protect_photo(photo: Photo, faces: Sequence[Face], mask: Mask, *, budget: Budget | None) -> Protected:
    """Put `mask` on `faces` of `photo`.

    Args:
        photo: as read.
        faces: those to protect.
        mask: the user's.
        budget: how visible the mask may be on each face of the written file; None puts it on as learnt.
    """
    pixels, placements = photo.pixels, []
    for face in faces:
        to_canonical = face.to_template(mask.template)
        fit = _Fit(photo, pixels, face, mask, to_canonical)
        amplitude = 1.0 if budget is None else fit.amplitude(budget)
        placements.append(Placement(to_canonical, amplitude, photo.grey))
        pixels = add(pixels, fit.patch(amplitude))
    return Protected(pixels, tuple(placements))


class _Fit:
    """How visible a mask is on one face, as a function of its amplitude."""

    def __init__(self, photo: Photo, pixels: np.ndarray, face: Face, mask: Mask, to_canonical: np.ndarray) -> None:
        height, width = pixels.shape[:2]
        self._photo, self._mask = photo, mask
        self._rows, self._columns, self._warped = mask.warp(to_canonical, height=height, width=width)
        rows, columns = face.box_in(height, width)
        # The face's box widened to whole blocks: encoding that much gives what encoding all would.
        top, left = (_BLOCK * (part.start // _BLOCK) for part in (rows, columns))
        self._area = (
            slice(top, -(-rows.stop // _BLOCK) * _BLOCK),
            slice(left, -(-columns.stop // _BLOCK) * _BLOCK),
        )
        self._face = (
            slice(rows.start - top, rows.stop - top),
            slice(columns.start - left, columns.stop - left),
        )
        self._clean = pixels
        self._meter = FaceMeter(photo.pixels[rows, columns])

    def patch(self, amplitude: float) -> Patch:
        levels = self._mask.levels(self._warped, amplitude=amplitude, grey=self._photo.grey)
        return Patch(self._rows, self._columns, levels)

    def visibility(self, amplitude: float) -> Visibility:
        """Of the face in a file written with the mask at that amplitude."""
        masked = add(self._clean, self.patch(amplitude))
        return self._meter.measure(as_saved(self._photo, masked[self._area])[self._face])

    def amplitude(self, budget: Budget) -> float:
        return fit_amplitude(
            lambda amplitude: budget.spent(self.visibility(amplitude)), start=1.0, largest=_LARGEST_AMPLITUDE
        )


@dataclass(frozen=True)
class Measured:
    """One face of a written file beside its original.

    Attributes:
        box: left, top, right, bottom of the face in the original, in pixels.
        visibility: SSIM and FLIP over the face's box in the original.
        similarity_before, similarity_after: cosine of the face to the user's mean face, centred on the population;
            after: None where the detector no longer finds a face.
        linked_before, linked_after: whether the recogniser takes the face for the user's.
    """

    box: tuple[float, ...]
    visibility: Visibility
    similarity_before: float
    similarity_after: float | None
    linked_before: bool
    linked_after: bool


def measure_saved(
    original: np.ndarray, saved: np.ndarray, sightings: Sequence[Sighting], owner: Owner, reader: FaceReader
) -> list[Measured]:
    """Measure the written file: faces detected, aligned and embedded anew.

    Args:
        original: uint8 (H, W, 3), the original's pixels.
        saved: uint8 (H, W, 3), the re-opened file's.
        sightings: the protected faces, as found in the original.
        owner: the user.
        reader: detector and the recogniser in whose eyes to measure.
    """
    population = reader.recogniser.population.cpu().numpy()
    results = []
    for sighting in sightings:
        box = sighting.face.box_in(*original.shape[:2])
        found = reader.detector.detect_near(saved, sighting.face)
        after = None if found is None else reader.embed([(saved, found)])[0]
        results.append(
            Measured(
                box=tuple(sighting.face.box.tolist()),
                visibility=FaceMeter(original[box]).measure(saved[box]),
                similarity_before=similarity(sighting.embedding, owner.centroid, population),
                similarity_after=None if after is None else similarity(after, owner.centroid, population),
                linked_before=owner.owns(sighting.embedding),
                linked_after=after is not None and owner.owns(after),
            )
        )
    return results
