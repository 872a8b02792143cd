"""What people see of a perturbation, as the optimisation measures it: at one scale, whatever the photo's.

All faces are looked at in the canonical frame, where the mask lives. A face that is larger on the screen is looked at
from nearer: there FLIP counts fewer pixels per degree. So a mask for a large face costs no more than one for a small
face, and is not drawn finer than any recogniser reads.

The measures on the photo itself differ somewhat from these. Where the photo is at hand, `calibrate` finds by how much.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F

from guise.chameleon.faces import geometry
from guise.chameleon.faces.crop import FaceCrop
from guise.chameleon.visibility.budget import AREA_SHARE, AREA_SIGMA, LEAST_CHANGE, Budget, Visibility
from guise.chameleon.visibility.filters import gaussian, separable
from guise.chameleon.visibility.fleck import WINDOW, FleckReference
from guise.chameleon.visibility.flip import PIXELS_PER_DEGREE, FlipReference
from guise.chameleon.visibility.ssim import RADIUS, SsimReference

_MEASURES = 3  # structure, FLIP, flecks
_EVEN_POWER = 3  # FLIP to this power grows with the square of a change
_FLECK_POWER = 16  # a mean of so high a power tells of the largest
_TINY = 1e-20  # a root has no gradient at 0
_AREA_RADIUS = 12  # pixels: three standard deviations
_CORRECTION = (0.3, 3.0)  # bounds, where little was changed and a ratio says little


class Appearance:
    """P faces as people see them, each at its size on the screen.

    Attributes:
        clean: float32 (P, 3, CANVAS, CANVAS) in [0, 1], the faces in the canonical frame.
        fineness: float32 (P,), pixels of the canonical frame for one of the screen. Where there are few, the eye
            resolves each of them, and strong ones are seen.
    """

    def __init__(self, faces: Sequence[FaceCrop], *, device: torch.device) -> None:
        """Prepare everything that does not depend on the perturbation.

        Args:
            faces: the P faces.
            device: where to measure.
        """
        frame = geometry.CANONICAL_TEMPLATE
        to_frame = [face.face.to_template(frame) for face in faces]
        self.clean = torch.stack(
            [
                geometry.crop(face.pixels, transform, size=geometry.CANVAS)
                for face, transform in zip(faces, to_frame, strict=True)
            ]
        ).to(device)
        finer = [geometry.scale_of(transform) / face.scale for face, transform in zip(faces, to_frame, strict=True)]
        self._structure = [SsimReference(clean[None]) for clean in self.clean]
        self._flip = [
            FlipReference(clean[None], pixels_per_degree=PIXELS_PER_DEGREE * scale)
            for clean, scale in zip(self.clean, finer, strict=True)
        ]
        self._flecks = [
            FleckReference(clean[None], window=_odd(WINDOW * min(scale, 1)))
            for clean, scale in zip(self.clean, finer, strict=True)
        ]
        self.fineness = torch.tensor(finer, dtype=torch.float32, device=device)
        self._correction = torch.ones(len(faces), _MEASURES, device=device)

    def shares(self, perturbation: Tensor, chosen: Tensor, budget: Budget) -> Tensor:
        """Measure how much of a budget a perturbation uses up; differentiable.

        Args:
            perturbation: float32 (N, 3, CANVAS, CANVAS), in units of the full range, on the chosen faces.
            chosen: int64 (N,), indices of faces.
            budget: the bounds.

        Returns:
            float32 (N, 3), shares of the bounds on SSIM, on FLIP and on flecks, over the changed pixels.
        """
        clean = self.clean[chosen]
        masked = (clean + perturbation).clamp(0, 1)
        each = list(zip(chosen.tolist(), masked.split(1), strict=True))
        similar = torch.cat([self._structure[index].map(image) for index, image in each])
        structure = F.pad(1 - similar.mean(1), (RADIUS,) * 4)
        flip = torch.cat([self._flip[index].map(image) for index, image in each])
        flecks = torch.cat([self._flecks[index].map(image) for index, image in each])
        area = _changed_area(masked.detach() - clean)
        shares = [
            _mean(structure, area) / (1 - budget.ssim),
            _evenly(flip, area) / budget.flip,
            _mean((flecks / budget.fleck) ** _FLECK_POWER, area).clamp(min=_TINY) ** (1 / _FLECK_POWER),
        ]
        return self._correction[chosen] * torch.stack(shares, dim=1)

    def calibrate(self, chosen: int, shares: Tensor, measured: Visibility, budget: Budget) -> None:
        """Correct what `shares` gives for a face from now on.

        Args:
            chosen: index of the face.
            shares: float32 (3,), what it gave for a perturbation.
            measured: what the photo shows of the same perturbation.
            budget: the bounds.
        """
        factor = torch.tensor(budget.shares(measured)).to(shares) / shares.detach().clamp(min=1e-3)
        self._correction[chosen] = (self._correction[chosen] * factor).clamp(*_CORRECTION)


def _changed_area(difference: Tensor) -> Tensor:
    """`guise.chameleon.visibility.budget.changed_area` of differences (N, 3, H, W): float (N, H, W), 0 or 1."""
    changed = (255 * difference.abs().amax(1, keepdim=True) > LEAST_CHANGE).to(difference)
    window = gaussian(radius=_AREA_RADIUS, sigma=AREA_SIGMA)
    share: Tensor = separable(F.pad(changed, (_AREA_RADIUS,) * 4), window)[:, 0]
    return (share > AREA_SHARE).to(difference)


def _mean(values: Tensor, area: Tensor) -> Tensor:
    """Mean of maps (N, H, W) over an area of each: (N,)."""
    total: Tensor = (values * area).sum((1, 2)) / area.sum((1, 2)).clamp(min=1)
    return total


def _evenly(values: Tensor, area: Tensor) -> Tensor:
    """`_mean` with the gradient of the root of the mean power.

    FLIP grows ever more slowly with a change. A mean of it rewards few strong changes, and these are what people see.
    """
    mean, spread = _mean(values, area), _mean(values**_EVEN_POWER, area).clamp(min=_TINY) ** (1 / _EVEN_POWER)
    return spread + (mean - spread).detach()


def _odd(side: float) -> int:
    """The odd number next to `side` that is not larger, at least 1."""
    return max(1, 2 * int((side - 1) // 2) + 1)
