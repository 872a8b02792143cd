"""How visible a mask may be, and the amplitude at which it just stays within that."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from guise.chameleon.visibility.flip import FlipReference, pooled
from guise.chameleon.visibility.ssim import ssim
from guise.models.errors import InputError


@dataclass(frozen=True)
class Budget:
    """Bounds on visibility, both measured on the full-size face of the saved file.

    Attributes:
        ssim: least structural similarity to the original, in [0, 1].
        flip: largest mean FLIP difference from the original, in [0, 1].
        peak: largest peak of that difference (`flip.pooled`), in [0, 1].
    """

    ssim: float
    flip: float
    peak: float

    def spent(self, visibility: Visibility) -> float:
        """Measure how much of the budget a change uses up.

        Args:
            visibility: of the changed face.

        Returns:
            The largest of the three shares; above 1 the change is too visible.
        """
        shares = (1 - visibility.ssim) / (1 - self.ssim), visibility.flip / self.flip, visibility.peak / self.peak
        return max(shares)


@dataclass(frozen=True)
class Visibility:
    """How much a changed face differs from the original.

    Attributes:
        ssim: structural similarity; 1 for identical faces.
        flip: mean FLIP difference; 0 for identical faces.
        peak: peak of that difference (`flip.pooled`); 0 for identical faces.
    """

    ssim: float
    flip: float
    peak: float


STRENGTHS = {
    "low": Budget(ssim=0.98, flip=0.06, peak=0.12),
    "mid": Budget(ssim=0.96, flip=0.10, peak=0.20),
    "high": Budget(ssim=0.94, flip=0.15, peak=0.30),
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


def to_tensor(pixels: np.ndarray) -> Tensor:
    """Turn pixels into a tensor that is large enough for SSIM.

    Args:
        pixels: uint8 (H, W, 3) RGB.

    Returns:
        float32 (1, 3, H, W) in [0, 1]; a side shorter than 11 is filled up with the edge repeated.
    """
    short = [max(0, 11 - side) for side in pixels.shape[:2]]
    if any(short):
        pixels = np.pad(pixels, ((0, short[0]), (0, short[1]), (0, 0)), mode="edge")
    return torch.tensor(pixels).permute(2, 0, 1)[None].float() / 255


class FaceMeter:
    """Measures changed versions of one original face; what depends on the original alone is computed once."""

    def __init__(self, original: np.ndarray) -> None:
        """Prepare the original.

        Args:
            original: uint8 (H, W, 3) RGB, the face's box at full size.
        """
        self._original = to_tensor(original)
        self._flip = FlipReference(self._original)

    def measure(self, changed: np.ndarray) -> Visibility:
        """Measure a changed version.

        Args:
            changed: uint8 (H, W, 3) RGB, of the original's shape.

        Returns:
            How visible the change is.
        """
        image = to_tensor(changed)
        with torch.no_grad():
            mean, peak = pooled(self._flip.map(image))
            return Visibility(float(ssim(self._original, image)), float(mean), float(peak))


_TOLERANCE = 0.03  # share of the budget that may stay unspent
_MOST_TRIES = 8


def fit_amplitude(spend: Callable[[float], float], *, start: float, largest: float) -> float:
    """Find a large amplitude that stays within a budget.

    The measures grow close to a power of the amplitude, so a secant in logarithms needs two or three tries.

    Args:
        spend: tells the share of the budget that an amplitude uses up.
        start: first guess.
        largest: upper end.

    Returns:
        The largest amplitude tried for which `spend` returned at most 1; 0.0 if there was none.
    """
    tried: list[tuple[float, float]] = []
    amplitude, within, beyond = min(start, largest), 0.0, float("inf")
    for _ in range(_MOST_TRIES):
        share = max(spend(amplitude), 1e-6)
        tried.append((float(np.log(amplitude)), float(np.log(share))))
        if share <= 1:
            within = max(within, amplitude)
            if share >= 1 - _TOLERANCE or amplitude >= largest:
                break
        else:
            beyond = min(beyond, amplitude)
        amplitude = min(_next_amplitude(tried), largest)
        if not within < amplitude < beyond:
            amplitude = (within + beyond) / 2 if beyond < float("inf") else largest
    return within


def _next_amplitude(tried: list[tuple[float, float]]) -> float:
    """Where the power law through the last tries reaches the middle of the tolerated band."""
    (x, y), slope = tried[-1], 1.0
    if len(tried) > 1 and abs(x - tried[-2][0]) > 1e-3:
        slope = (y - tried[-2][1]) / (x - tried[-2][0])
    target = np.log(1 - _TOLERANCE / 2)
    return float(np.exp(x + (target - y) / float(np.clip(slope, 0.4, 2.5))))
