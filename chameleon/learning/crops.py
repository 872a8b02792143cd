"""What the optimisation looks at: crops as recognisers see faces, and windows of full-size faces as people see them.

Everything that does not depend on the mask is computed once. Adding the mask to a photo and cropping is linear, apart
from rounding: a masked crop is the clean crop plus the mask sampled on the crop's own grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from guise.chameleon.faces import geometry
from guise.chameleon.faces.crop import FaceCrop
from guise.models import Record

_WINDOW = 128  # pixels; smaller where a face is


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
    ) -> AlignedCrops:
        """Cut the crops, with landmarks jittered as another detector would place them.

        Args:
            faces: P faces.
            record: the recogniser's.
            frame: float64 (5, 2), the landmarks in the mask's canonical frame.
            count: V, crops of each face.
            jitter: standard deviation of the landmarks' errors, in units of the distance between the eyes.
            random: source of the errors.
            device: where to keep the result.

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
            for error in errors:
                to_crop = geometry.align(landmarks + error, template)
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


def _at_least(face: Tensor, side: int) -> Tensor:
    """`face` (3, H, W) with its edges repeated until no side is shorter than `side`."""
    missing = [max(0, side - length) for length in face.shape[1:]]
    padded: Tensor = F.pad(face[None].float(), (0, missing[1], 0, missing[0]), mode="replicate")
    return padded[0].to(face.dtype)


class Windows:
    """Windows of faces at full size, on which visibility is measured."""

    def __init__(self, faces: Sequence[FaceCrop], *, device: torch.device) -> None:
        """Cut the boxes out of some faces.

        Args:
            faces: P faces.
            device: where windows are given out.
        """
        self._device = device
        boxes = [face.face.box_in(*face.pixels.shape[:2]) for face in faces]
        self._faces = [
            torch.from_numpy(face.pixels[box].copy()).permute(2, 0, 1) for face, box in zip(faces, boxes, strict=True)
        ]
        # From a pixel of the face's box to the canonical frame.
        self._transforms = [
            geometry.compose(
                np.column_stack([np.eye(2), (columns.start, rows.start)]),
                face.face.to_template(geometry.CANONICAL_TEMPLATE),
            )
            for face, (rows, columns) in zip(faces, boxes, strict=True)
        ]
        # One size for all, so that they make a batch; a face that the photo's border cuts is filled up.
        self._side = int(np.clip(np.median([min(face.shape[1:]) for face in self._faces]), 11, _WINDOW))
        self._faces = [_at_least(face, self._side) for face in self._faces]

    def draw(self, faces: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Draw one window of each of some faces.

        Args:
            faces: int64 (N,), indices of the faces.
            random: source of the choice.

        Returns:
            float32 (N, 3, W, W) in [0, 1], and float32 (N, W, W, 2), where each of its pixels lies in the canonical
            frame.
        """
        side, clean, transforms = self._side, [], []
        for index in faces.tolist():
            face = self._faces[index]
            top, left = (int(torch.randint(n - side + 1, (), generator=random)) for n in face.shape[1:])
            clean.append(face[:, top : top + side, left : left + side])
            shift = np.column_stack([np.eye(2), (left, top)]).astype(float)
            transforms.append(geometry.compose(shift, self._transforms[index]))
        grid = geometry.sampling_grid(torch.from_numpy(np.stack(transforms)), height=side, width=side)
        return torch.stack(clean).to(self._device).float() / 255, grid.float().to(self._device)
