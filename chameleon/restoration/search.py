"""Take the mask off a photo of which there is no restore record, such as one that a platform has re-compressed."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from guise.chameleon.faces import geometry
from guise.chameleon.faces.detection import Face
from guise.chameleon.mask.mask import Mask, Placement
from guise.chameleon.restoration.restore_record import Restored, take_off
from guise.chameleon.visibility.filters import gaussian, separable
from guise.models.files import Manifest, unpack

_LEAST_AMPLITUDE = 0.15
_EDGE = 0.05  # edges of the picture are no trace of a mask: their pull is bounded
_BLUR_RADIUS = 4


class Masks:
    """Masks that a photo without a restore record may carry, in one frame."""

    def __init__(self, mask: Mask, refinements: Sequence[np.ndarray] = ()) -> None:
        """Prepare the candidates.

        Args:
            mask: the user's, which is one of them.
            refinements: int8 (3, S, S) each; each makes another candidate of the mask.
        """
        self._mask = mask
        self._refinements: list[np.ndarray | None] = [None, *refinements]
        self._details = [_direction(mask.refined(refinement).values) for refinement in self._refinements]

    @classmethod
    def recorded(cls, mask: Mask, restore_records: Manifest) -> Masks:
        """Prepare a user's mask, plain and as refined for each photo.

        Args:
            mask: the user's.
            restore_records: the restore records of the key.

        Returns:
            The candidates.
        """
        refinements: list[np.ndarray] = []
        for restore_record in restore_records.records():
            if restore_record["settings_hash"] == mask.digest:
                # A damaged record is no help.
                with contextlib.suppress(KeyError, TypeError, ValueError, AttributeError):
                    packed = [placement.get("refinement") for placement in restore_record["placements"]]
                    refinements += [unpack(text, mask.values.shape) for text in packed if text is not None]
        return cls(mask, refinements)

    def clearest(self, saved: np.ndarray, face: Face) -> Mask:
        """Find the candidate that shows most clearly on a face.

        Args:
            saved: uint8 (H, W, 3) RGB, pixels of the protected file.
            face: the face in it.

        Returns:
            The mask, refined as the candidate is.
        """
        size = self._mask.size
        crop = geometry.crop(saved, face.to_template(self._mask.template), size=size)
        shown = _detail(crop.permute(1, 2, 0).numpy().astype(np.float64)).clamp(-_EDGE, _EDGE).flatten()
        scores = [float(detail.double() @ shown) for detail in self._details]
        return self._mask.refined(self._refinements[int(np.argmax(scores))])


def restore_by_search(saved: np.ndarray, faces: Sequence[Face], masks: Masks, *, grey: bool) -> Restored | None:
    """Take the mask off, with its placement estimated.

    The face's landmarks tell where the mask lies. Regressing the fine detail of each face on that of the mask tells its
    amplitude.

    Args:
        saved: uint8 (H, W, 3) RGB, pixels of the protected file.
        faces: as detected in `saved`.
        masks: what it may carry.
        grey: whether the file holds one channel.

    Returns:
        The photo, near the original but not exact; None where no face carries a mask.
    """
    pixels = saved
    for face in faces:
        mask = masks.clearest(saved, face)
        to_canonical = face.to_template(mask.template)
        amplitude = _amplitude(saved, to_canonical, mask, grey=grey)
        if amplitude > _LEAST_AMPLITUDE:
            pixels = take_off(pixels, [Placement(to_canonical, amplitude, grey)], mask)
    return None if pixels is saved else Restored(pixels, exact=False)


def _amplitude(saved: np.ndarray, to_canonical: np.ndarray, mask: Mask, *, grey: bool) -> float:
    """How strongly the mask shows in `saved`, by least squares on what a small blur takes away."""
    rows, columns, warped = mask.warp(to_canonical, height=saved.shape[0], width=saved.shape[1])
    if warped.size == 0:
        return 0.0
    of_mask = _detail(np.broadcast_to(warped.mean(2, keepdims=True), warped.shape).copy() if grey else warped)
    detail = _detail(saved[rows, columns] / 255).clamp(-_EDGE, _EDGE)
    return float((detail * of_mask).sum() / (of_mask**2).sum().clamp(min=1e-12))


def _direction(values: np.ndarray) -> Tensor:
    """The detail of mask `values` at unit length; in half precision, since a folder has hundreds to be compared."""
    detail = _detail(values.transpose(1, 2, 0)).flatten()
    unit: Tensor = detail / detail.norm().clamp(min=1e-12)
    return unit.half()


def _detail(image: np.ndarray) -> Tensor:
    """What a small blur takes away from float64 (H, W, 3): (1, 3, H, W)."""
    pixels = torch.from_numpy(image).permute(2, 0, 1)[None]
    padded = F.pad(pixels, (_BLUR_RADIUS,) * 4, mode="replicate")
    return pixels - separable(padded, gaussian(radius=_BLUR_RADIUS, sigma=1.5))
