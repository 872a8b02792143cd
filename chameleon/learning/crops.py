"""Aligned crops of faces, as recognisers see them.

Everything that does not depend on the mask is computed once. Adding the mask to a photo and cropping is linear, apart
from rounding: a masked crop is the clean crop plus the mask sampled on the crop's own grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from guise.chameleon.faces import geometry
from guise.chameleon.faces.crop import FaceCrop
from guise.models import Record


@dataclass(frozen=True)
class AlignedCrops:
    """Aligned crops of P faces for one recogniser with input side S, V for each face.

    Attributes:
        clean: float32 (P, V, 3, S, S) in [0, 1]; the first of each V is without jitter.
        grids: float32 (P, V, S, S, 2), where each pixel of a crop lies in the canonical frame.
    """

    clean: Tensor
    grids: Tensor

    @classmethod
    def prepare(
        cls,
        faces: Sequence[FaceCrop],
        record: Record,
        *,
        frame: np.ndarray,
        count: int,
        jitter: float,
        random: torch.Generator,
        device: torch.device,
        loose: float = 0.0,
    ) -> AlignedCrops:
        """Cut the crops, with landmarks jittered as another detector would place them.

        Some of them may be cut as software does that works on boxes around faces: not turned upright, with more or less
        around the face, and squeezed into a square.

        Args:
            faces: P faces.
            record: the recogniser's.
            frame: float64 (5, 2), the landmarks in the mask's canonical frame.
            count: V, crops of each face.
            jitter: standard deviation of the landmarks' errors, in units of the distance between the eyes.
            random: source of the errors.
            device: where to keep the result.
            loose: share of the jittered crops that are cut from such a box. Learning does without until somebody has
                measured what it is worth (`python -m benchmarks.protection --without alignment`).

        Returns:
            The crops.
        """
        template = np.array(record.template)
        clean, grids = [], []
        for face in faces:
            landmarks = face.face.landmarks
            spread = jitter * float(np.linalg.norm(landmarks[1] - landmarks[0]))
            errors = torch.randn(count, 5, 2, generator=random, dtype=torch.float64).numpy() * spread
            errors[0] = 0
            to_canonical = face.face.to_template(frame)
            boxed = torch.rand(count, generator=random) < loose if loose else torch.zeros(count, dtype=torch.bool)
            for view, error in enumerate(errors):
                to_crop = geometry.align(landmarks + error, template)
                if view and boxed[view]:
                    to_crop = _from_box(to_crop, side=record.input_size, random=random)
                clean.append(geometry.crop(face.pixels, to_crop, size=record.input_size))
                grids.append(geometry.compose(geometry.inverse(to_crop), to_canonical))
        side, shape = record.input_size, (len(faces), count)
        grid = geometry.sampling_grid(torch.from_numpy(np.stack(grids)), height=side, width=side).float()
        return cls(
            torch.stack(clean).unflatten(0, shape).to(device),
            grid.unflatten(0, shape).to(device),
        )

    def draw(self, faces: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw one crop of each of some faces.

        Args:
            faces: int64 (N,), indices of the faces.
            random: source of the choice.

        Returns:
            float32 (N, 3, S, S) in [0, 1], and their grids, float32 (N, S, S, 2).
        """
        crop = torch.randint(self.clean.shape[1], (len(faces),), generator=random)
        return self.clean[faces, crop], self.grids[faces, crop]


_SMALLEST, _LARGEST = 0.7, 1.05  # a box's face, in units of the aligned one
_SQUEEZED, _SHIFTED = 0.12, 0.04  # standard deviations: of the logarithm of the sides' ratio, and in units of the side


def _from_box(to_crop: np.ndarray, *, side: int, random: torch.Generator) -> np.ndarray:
    """Turn the transform to an aligned crop into one to the square of a box.

    A box has the photo's own axes, so a tilted face stays tilted. Where a photo lies on its side, the box does too.
    """
    turned = float(np.arctan2(to_crop[1, 0], to_crop[0, 0]))
    tilt = turned - np.pi / 2 * round(turned / (np.pi / 2))
    size = _SMALLEST + (_LARGEST - _SMALLEST) * float(torch.rand((), generator=random))
    ratio, across, along = torch.randn(3, generator=random).tolist()
    squeeze = float(np.exp(_SQUEEZED * ratio / 2))
    cosine, sine = np.cos(-tilt), np.sin(-tilt)
    linear = size * np.diag([squeeze, 1 / squeeze]) @ np.array([[cosine, -sine], [sine, cosine]])
    centre = np.full(2, (side - 1) / 2)
    shift = centre - linear @ centre + _SHIFTED * side * np.array([across, along])
    return geometry.compose(to_crop, np.column_stack([linear, shift]))


def aligned(faces: Sequence[FaceCrop], template: np.ndarray, *, size: int) -> Tensor:
    """Cut aligned crops without jitter.

    Args:
        faces: P faces.
        template: float (5, 2), where the landmarks lie in a crop.
        size: side of a crop, in pixels.

    Returns:
        float32 (P, 3, size, size) in [0, 1].
    """
    return torch.stack([geometry.crop(face.pixels, face.face.to_template(template), size=size) for face in faces])
