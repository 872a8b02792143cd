"""Opponents who know how the tool works and try to undo it. They have photos only.

Each opponent makes new versions of a user's protected photos. Judges then look at them as at any other photos.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from skimage.restoration import denoise_tv_chambolle

from benchmarks.judges import choose
from guise.chameleon.faces import geometry
from guise.chameleon.faces.detection import Face, FaceDetector
from guise.chameleon.mask.mask import Mask, Placement, subtract
from guise.chameleon.transforms import blurred, recompressed

AMPLITUDES = (0.5, 1.0)
"""At which opponents take an estimated mask off."""
_FULL = 1.0  # no bound on an estimated mask


def purified(pixels: np.ndarray) -> np.ndarray:
    """JPEG at quality 75, a slight blur and total-variation denoising, on uint8 (H, W, 3)."""
    softened = blurred(recompressed(pixels, format="JPEG", quality=75), sigma=0.7)
    clean = denoise_tv_chambolle(softened / 255, weight=0.03, channel_axis=2)
    return np.asarray((255 * clean).round(), dtype=np.uint8)


Seen = tuple[np.ndarray, np.ndarray]
"""A photo uint8 (H, W, 3), and the box of the user's face in it, float (4,)."""


def average_of(photos: Sequence[Seen], detector: FaceDetector) -> np.ndarray | None:
    """The fine detail (3, S, S) that the user's faces have in common when their landmarks are aligned, if any is found.

    Args:
        photos: protected or plain.
        detector: the opponent's.
    """
    crops = [crop for photo, box in photos if (crop := _canonical(photo, box, detector)) is not None]
    return np.asarray(np.mean(crops, axis=0)) if crops else None


def mask_in(average: np.ndarray | None, *, own: np.ndarray | float | None = 0.0) -> Mask | None:
    """What an opponent takes for the mask in the `average_of` protected photos; None where an average is.

    The fine detail of one face differs from photo to photo more than a mask that is always the same. But what a face
    has of its own in all photos is in the average too, and is taken off with it: where this fails, it proves little,
    unless the opponent has photos without the mask, whose average is `own`, to tell the two apart.
    """
    return None if average is None or own is None else _mask(average - own)


def difference_of(original: np.ndarray, protected: np.ndarray, box: np.ndarray, detector: FaceDetector) -> Mask | None:
    """The mask as a pair, both uint8 (H, W, 3), shows it on the face in `box`."""
    face = _face(original, box, detector)
    if face is None:
        return None
    to_canonical = face.to_template(geometry.CANONICAL_TEMPLATE)
    before, after = (
        geometry.crop(photo, to_canonical, size=geometry.CANVAS).numpy() for photo in (original, protected)
    )
    return _mask(after - before)


def without(pixels: np.ndarray, *, mask: Mask, amplitude: float, detector: FaceDetector) -> np.ndarray:
    """`pixels` with an estimated mask taken off every face, at an amplitude that the opponent has to guess."""
    height, width = pixels.shape[:2]
    for face in detector.detect(pixels):
        placement = Placement(face.to_template(mask.template), amplitude)
        pixels = subtract(pixels, mask.patch(placement, height=height, width=width))
    return pixels


def _face(photo: np.ndarray, box: np.ndarray, detector: FaceDetector) -> Face | None:
    """The face that the opponent finds in `box`."""
    faces = detector.detect(photo)
    chosen = choose([face.box for face in faces], near=box, shape=photo.shape[:2])
    return None if chosen is None else faces[chosen]


def _canonical(photo: np.ndarray, box: np.ndarray, detector: FaceDetector) -> np.ndarray | None:
    face = _face(photo, box, detector)
    if face is None:
        return None
    crop = geometry.crop(photo, face.to_template(geometry.CANONICAL_TEMPLATE), size=geometry.CANVAS).numpy()
    smooth = blurred(np.asarray((255 * crop).round().transpose(1, 2, 0), dtype=np.uint8), sigma=3.0)
    detail: np.ndarray = crop - smooth.transpose(2, 0, 1) / 255
    return detail


def _mask(values: np.ndarray) -> Mask:
    return Mask(np.ascontiguousarray(values, dtype=np.float32), geometry.CANONICAL_TEMPLATE, _FULL)
