"""LPIPS: how different two pictures look, as a network that saw many photos tells it.

Source: R. Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from statistics import fmean

import numpy as np
import torch
from torch import Tensor, nn

from guise.models import registry
from guise.models.errors import InputError, WeightsError
from guise.models.networks import lpips_squeeze
from guise.models.weights import weight_file

NOT_MEASURED = f"not measured: guise models fetch {registry.LPIPS}"
"""What a report says where the weights are absent."""
_SHORTEST = 17  # pixels; the trunk reads nothing smaller


class LpipsMeter:
    """Measures LPIPS between two pictures, and knows the bound on it if there is one.

    Attributes:
        at_most: the largest LPIPS that a change may have; None where it is only measured.
    """

    def __init__(self, network: nn.Module, *, at_most: float | None = None) -> None:
        """Keep the network.

        Args:
            network: as of `lpips_squeeze.load`, on any device.
            at_most: the bound, above 0.
        """
        self._network, self.at_most = network, at_most
        self._device = next(network.parameters()).device

    def measure(self, original: np.ndarray, changed: np.ndarray) -> float:
        """Compare two pictures.

        Args:
            original: uint8 (H, W, 3) RGB; a side shorter than 17 is filled up with the edge repeated.
            changed: the same, of the same shape.

        Returns:
            LPIPS, at least 0; 0 for equal pictures. It is symmetric.
        """
        with torch.no_grad():
            return float(self._network(self._tensor(original), self._tensor(changed)))

    def spent(self, original: np.ndarray, changed: np.ndarray) -> float:
        """Measure how much of the bound a change uses up.

        Args:
            original: as of `measure`.
            changed: as of `measure`.

        Returns:
            LPIPS divided by the bound; above 1 the change is too visible. 0 where there is no bound.
        """
        return 0.0 if self.at_most is None else self.measure(original, changed) / self.at_most

    def _tensor(self, pixels: np.ndarray) -> Tensor:
        short = [max(0, _SHORTEST - side) for side in pixels.shape[:2]]
        if any(short):
            pixels = np.pad(pixels, ((0, short[0]), (0, short[1]), (0, 0)), mode="edge")
        return torch.tensor(pixels, device=self._device).permute(2, 0, 1)[None].float() / 127.5 - 1


def lpips_is_here() -> bool:
    """Whether the weights have been fetched. Their content is not looked at.

    Returns:
        Whether there is a file.
    """
    return weight_file.state(registry.get(registry.LPIPS)) != "not fetched"


def load_lpips(*, device: str = "cpu", at_most: float | None = None) -> LpipsMeter:
    """Load LPIPS. Its weights are never fetched here.

    Args:
        device: where it computes.
        at_most: the bound on it, if there is one.

    Returns:
        What measures LPIPS.

    Raises:
        WeightsError: the weights are absent, damaged or not the expected ones.
    """
    record = registry.get(registry.LPIPS)
    if not lpips_is_here():
        raise WeightsError(f"the weights of LPIPS are not on this machine; {weight_file.cure(record)}")
    path = weight_file.obtain(record, offline=True)
    return LpipsMeter(lpips_squeeze.load(path).to(device), at_most=at_most)


def check_bound(lpips: float | None) -> None:
    """Find a bound that makes no sense before the work begins.

    Args:
        lpips: as the user gave it.

    Raises:
        InputError: it is no number above 0.
    """
    number = isinstance(lpips, int | float) and not isinstance(lpips, bool)
    if lpips is not None and not (number and math.isfinite(lpips) and lpips > 0):
        raise InputError(f"`lpips={lpips}` is out of range: give a number above 0, such as 0.05")


def mean_lpips(values: Iterable[float | None]) -> float | None:
    """The mean LPIPS of several pictures.

    Args:
        values: of each; None where it was not measured.

    Returns:
        The mean over those that were measured; None where none was.
    """
    known = [value for value in values if value is not None]
    return fmean(known) if known else None
