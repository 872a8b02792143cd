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

    def spent(self, seen: Visibility) -> float:
        """Share of the budget that is used up, by the measure that is nearest to its bound; above 1: too visible."""
        return max((1 - seen.ssim) / (1 - self.ssim), seen.flip / self.flip, seen.peak / self.peak)


@dataclass(frozen=True)
class Visibility:
    """How much a changed face differs from the original; identical faces have 1, 0 and 0."""

    ssim: float
    flip: float
    peak: float


STRENGTHS = {
    "low": Budget(ssim=0.98, flip=0.06, peak=0.12),
    "mid": Budget(ssim=0.96, flip=0.10, peak=0.20),
    "high": Budget(ssim=0.94, flip=0.15, peak=0.30),
}


def budget_of(strength: str) -> Budget:
    """The budget of a named strength.

    Raises:
        InputError: there is no such strength.
    """
    if strength not in STRENGTHS:
        raise InputError(f"strength {strength!r} is not known: use one of {', '.join(STRENGTHS)}")
    return STRENGTHS[strength]


def to_tensor(pixels: np.ndarray) -> Tensor:
    """uint8 (H, W, 3) -> float32 (1, 3, H, W) in [0, 1], at least 11 x 11 (edges repeated), as SSIM needs."""
    short = [max(0, 11 - side) for side in pixels.shape[:2]]
    if any(short):
        pixels = np.pad(pixels, ((0, short[0]), (0, short[1]), (0, 0)), mode="edge")
    return torch.tensor(pixels).permute(2, 0, 1)[None].float() / 255


class FaceMeter:
    """Measures changed versions of one original face; what depends on the original alone is computed once."""

    def __init__(self, original: np.ndarray) -> None:
        """Args: original: uint8 (H, W, 3), the face's box at full size."""
        self._original = to_tensor(original)
        self._flip = FlipReference(self._original)

    def measure(self, changed: np.ndarray) -> Visibility:
        """Args: changed: uint8, of the original's shape."""
        image = to_tensor(changed)
        with torch.no_grad():
            mean, peak = pooled(self._flip.map(image))
            return Visibility(float(ssim(self._original, image)), float(mean), float(peak))


_TOLERANCE = 0.03  # share of the budget that may stay unspent
_MOST_TRIES = 8


def fit_amplitude(spend: Callable[[float], float], *, start: float, largest: float) -> float:
    """The largest amplitude found, up to `largest`, whose spending of a budget is at most 1.

    Both measures grow close to a power of the amplitude, so a secant in logarithms needs two or three tries.

    Args:
        spend: share of the budget used at an amplitude.
        start: first guess.
        largest: upper end.

    Returns:
        An amplitude for which `spend` returned at most 1, or 0.0 if none was found.
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
