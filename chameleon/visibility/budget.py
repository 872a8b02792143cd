"""How visible a mask may be, and the amplitude at which it just stays within that.

The bounds hold on every pixel that was changed, not on a box around the face, as people look at the photo: at the size
at which a screen shows all of it, and, more loosely, at 100 % zoom.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn import functional as F

from guise.chameleon.visibility.fleck import flecks, seen_colours
from guise.chameleon.visibility.flip import PIXELS_PER_DEGREE, FlipReference
from guise.chameleon.visibility.ssim import RADIUS, SsimReference
from guise.models.errors import InputError

_ZOOMED = 1.5
"""At 100 % zoom a change may be this many times as large as where the whole photo is seen: people who zoom in look for
detail, and texture hides it."""

LEAST_CHANGE = 4
"""Grey levels. What changes less is hardly seen."""
AREA_SIGMA, AREA_SHARE = 4.0, 0.15
"""A pixel belongs to the changed area where this share of its surroundings changed, weighted by a Gaussian of this
standard deviation in pixels."""


@dataclass(frozen=True)
class Visibility:
    """How much a face differs from the original, over the pixels that were changed.

    Attributes:
        ssim: mean structural similarity; 1 where nothing changed.
        flip: mean FLIP difference; 0 where nothing changed.
        fleck: difference of colour (`guise.chameleon.visibility.fleck`) that 1 % of the pixels exceed.
        largest_fleck: the largest such difference.
    """

    ssim: float
    flip: float
    fleck: float
    largest_fleck: float


@dataclass(frozen=True)
class Budget:
    """Bounds on visibility, where a screen shows the whole photo.

    Attributes:
        ssim: least structural similarity to the original, in [0, 1].
        flip: largest mean FLIP difference from the original, in [0, 1].
        fleck: bound on the difference of colour that 1 % of the pixels may exceed, in units of CIEDE2000.
        largest_fleck: bound on the largest such difference.
    """

    ssim: float
    flip: float
    fleck: float
    largest_fleck: float

    def spent(self, visibility: Visibility) -> float:
        """Measure how much of the budget a change uses up.

        Args:
            visibility: of the changed face.

        Returns:
            The largest of `shares`; above 1 the change is too visible.
        """
        return max(self.shares(visibility))

    def shares(self, visibility: Visibility) -> tuple[float, float, float]:
        """Measure how much of each bound a change uses up.

        Args:
            visibility: of the changed face.

        Returns:
            The shares of the bounds on SSIM, on FLIP and on flecks.
        """
        return (1 - visibility.ssim) / (1 - self.ssim), visibility.flip / self.flip, self.flecks_spent(visibility)

    def flecks_spent(self, visibility: Visibility) -> float:
        """Measure how much of the bounds on flecks a change uses up.

        Args:
            visibility: of the changed face.

        Returns:
            The larger of both shares.
        """
        return max(visibility.fleck / self.fleck, visibility.largest_fleck / self.largest_fleck)

    def zoomed(self) -> Budget:
        """Loosen the bounds for people who zoom in to 100 %.

        Returns:
            The bounds at 100 % zoom.
        """
        return Budget(
            1 - _ZOOMED * (1 - self.ssim), _ZOOMED * self.flip, _ZOOMED * self.fleck, _ZOOMED * self.largest_fleck
        )


STRENGTHS = {
    "low": Budget(ssim=0.97, flip=0.06, fleck=2, largest_fleck=4),
    "mid": Budget(ssim=0.95, flip=0.09, fleck=3, largest_fleck=6),
    "high": Budget(ssim=0.92, flip=0.12, fleck=4, largest_fleck=8),
}


def budget_of(strength: str) -> Budget:
    """Find the budget of a named strength.

    Args:
        strength: one of `STRENGTHS`.

    Returns:
        The budget.

    Raises:
        InputError: there is no such strength.
    """
    if strength not in STRENGTHS:
        raise InputError(f"`strength={strength}` is not known: use one of {', '.join(STRENGTHS)}")
    return STRENGTHS[strength]


def changed_area(original: np.ndarray, changed: np.ndarray) -> np.ndarray:
    """Find the pixels of a picture that were changed, and those between them.

    Args:
        original: uint8 (H, W, 3) RGB.
        changed: uint8 (H, W, 3) RGB.

    Returns:
        bool (H, W): where many pixels changed by more than `LEAST_CHANGE`; if there is no such place, where many
        changed at all.
    """
    difference = np.abs(original.astype(np.int16) - changed).max(axis=2)
    for least in (LEAST_CHANGE, 0):
        area: np.ndarray = gaussian_filter((difference > least).astype(np.float32), AREA_SIGMA) > AREA_SHARE
        if area.any():
            break
    return area


class FaceMeter:
    """Measures changed versions of one picture; what depends on the original alone is computed once."""

    def __init__(self, original: np.ndarray, *, pixels_per_degree: float = PIXELS_PER_DEGREE) -> None:
        """Prepare the original.

        Args:
            original: uint8 (H, W, 3) RGB.
            pixels_per_degree: of the viewer's field of view.
        """
        self._pixels = original
        image = _to_tensor(original)
        self._flip = FlipReference(image, pixels_per_degree=pixels_per_degree)
        self._structure = SsimReference(F.pad(image, (RADIUS,) * 4, mode="replicate"))
        self._colours = seen_colours(original)

    def measure(self, changed: np.ndarray) -> Visibility:
        """Measure a changed version.

        Args:
            changed: uint8 (H, W, 3) RGB, of the original's shape.

        Returns:
            How visible the change is.
        """
        area = changed_area(self._pixels, changed)
        if not area.any():
            return Visibility(1.0, 0.0, 0.0, 0.0)
        image = _to_tensor(changed)
        with torch.no_grad():
            flip = self._flip.map(image)[0].numpy()
            structure = self._structure.map(F.pad(image, (RADIUS,) * 4, mode="replicate"))[0].mean(0).numpy()
        seen = flecks(self._colours[area], seen_colours(changed)[area])
        return Visibility(
            ssim=float(structure[area].mean()),
            flip=float(flip[area].mean()),
            fleck=float(np.percentile(seen, 99)),
            largest_fleck=float(seen.max()),
        )


def _to_tensor(pixels: np.ndarray) -> Tensor:
    return torch.tensor(pixels).permute(2, 0, 1)[None].float() / 255
