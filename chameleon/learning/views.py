"""What the optimisation looks at: crops as recognisers see them, and windows of full-size faces as people do.

Everything that does not depend on the mask is computed once. Adding the mask to a photo and cropping is linear up
to rounding, so a masked crop is the clean crop plus the mask sampled on the crop's own grid.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from guise.chameleon.faces import geometry
from guise.chameleon.faces.crop import Portrait
from guise.models import Record

_WINDOW = 128  # pixels; smaller where a face is


@dataclass(frozen=True)
class Views:
    """Aligned crops of P portraits for one recogniser with input side S, V for each.

    Attributes:
        clean: float32 (P, V, 3, S, S) in [0, 1]; the first of each V is without jitter.
        grids: float32 (P, V, S, S, 2), where each pixel of a crop lies in the canonical frame.
    """

    clean: Tensor
    grids: Tensor

    @classmethod
    def prepare(
        cls,
        portraits: Sequence[Portrait],
        record: Record,
        *,
        frame: np.ndarray,
        count: int,
        jitter: float,
        random: torch.Generator,
        device: torch.device,
    ) -> Views:
        """Crops of each portrait for the recogniser `record`, landmarks jittered as by another detector.

        Args:
            portraits: P faces.
            record: of the recogniser.
            frame: float64 (5, 2), the landmarks in the mask's canonical frame.
            count: V, crops of each portrait.
            jitter: standard deviation of the landmarks' errors, in units of the distance between the eyes.
            random: source of the errors.
            device: where to keep the result.
        """
        template = np.array(record.template)
        clean, grids = [], []
        for portrait in portraits:
            landmarks = portrait.face.landmarks
            spread = jitter * float(np.linalg.norm(landmarks[1] - landmarks[0]))
            errors = torch.randn(count, 5, 2, generator=random, dtype=torch.float64).numpy() * spread
            errors[0] = 0
            to_canonical = portrait.face.to_template(frame)
            for error in errors:
                to_crop = geometry.similarity(landmarks + error, template)
                clean.append(geometry.crop(portrait.pixels, to_crop, size=record.input_size))
                grids.append(geometry.compose(geometry.inverse(to_crop), to_canonical))
        side, shape = record.input_size, (len(portraits), count)
        grid = geometry.sampling_grid(torch.from_numpy(np.stack(grids)), height=side, width=side).float()
        return cls(
            torch.stack(clean).unflatten(0, shape).to(device),
            grid.unflatten(0, shape).to(device),
        )

    def draw(self, portraits: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """One random crop of each chosen portrait (N,), and its grid."""
        view = torch.randint(self.clean.shape[1], (len(portraits),), generator=random)
        return self.clean[portraits, view], self.grids[portraits, view]


def aligned(portraits: Sequence[Portrait], template: np.ndarray, *, size: int) -> Tensor:
    """Crops with the landmarks at `template` (5, 2): float32 (P, 3, size, size) in [0, 1]."""
    return torch.stack(
        [geometry.crop(portrait.pixels, portrait.face.to_template(template), size=size) for portrait in portraits]
    )


def _at_least(face: Tensor, side: int) -> Tensor:
    """`face` (3, H, W) with its edges repeated until no side is shorter than `side`."""
    missing = [max(0, side - length) for length in face.shape[1:]]
    padded: Tensor = F.pad(face[None].float(), (0, missing[1], 0, missing[0]), mode="replicate")
    return padded[0].to(face.dtype)


class Windows:
    """Windows of portraits' faces at full size, on which visibility is measured."""

    def __init__(self, portraits: Sequence[Portrait], *, device: torch.device) -> None:
        self._device = device
        boxes = [portrait.face.box_in(*portrait.pixels.shape[:2]) for portrait in portraits]
        self._faces = [
            torch.from_numpy(portrait.pixels[box].copy()).permute(2, 0, 1)
            for portrait, box in zip(portraits, boxes, strict=True)
        ]
        # From a pixel of the face's box to the canonical frame.
        self._transforms = [
            geometry.compose(
                np.column_stack([np.eye(2), (columns.start, rows.start)]),
                portrait.face.to_template(geometry.CANONICAL_TEMPLATE),
            )
            for portrait, (rows, columns) in zip(portraits, boxes, strict=True)
        ]
        # One size for all, so that they make a batch; a face that the photo's border cuts is filled up.
        self._side = int(np.clip(np.median([min(face.shape[1:]) for face in self._faces]), 11, _WINDOW))
        self._faces = [_at_least(face, self._side) for face in self._faces]

    def draw(self, portraits: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """A window of each chosen portrait (N,): float32 (N, 3, W, W) in [0, 1], and grids (N, W, W, 2)."""
        side, clean, transforms = self._side, [], []
        for index in portraits.tolist():
            face = self._faces[index]
            top, left = (int(torch.randint(n - side + 1, (), generator=random)) for n in face.shape[1:])
            clean.append(face[:, top : top + side, left : left + side])
            shift = np.column_stack([np.eye(2), (left, top)]).astype(float)
            transforms.append(geometry.compose(shift, self._transforms[index]))
        grid = geometry.sampling_grid(torch.from_numpy(np.stack(transforms)), height=side, width=side)
        return torch.stack(clean).to(self._device).float() / 255, grid.float().to(self._device)
