"""Our method, as `guise dpaf train` runs it, called from the library."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from guise import dpaf
from guise.dpaf import PRESETS, ImageDataset

SyntheticSet = tuple[np.ndarray, np.ndarray, float]
"""Images uint8 (N, H, W, channels), labels int64 (N,), epsilon spent."""


def method(preset: str) -> Callable[..., SyntheticSet]:
    """The method of a preset.

    Args:
        preset: its name.
    """

    def images(
        dataset: ImageDataset, epsilon: float, delta: float, *, minutes: float, count: int, seed: int
    ) -> SyntheticSet:
        with tempfile.TemporaryDirectory() as folder:
            budgets, out = Path(folder) / "budgets.sqlite", Path(folder) / "run"
            options = {"epsilon": epsilon, "delta": delta, "preset": preset, "minutes": minutes, "budgets": budgets}
            run = dpaf.train(dataset, out=out, **options)
            drawn = run.sample(count, seed=seed)
        return drawn.images, drawn.labels, run.settings.privacy.cost()

    return images


__all__ = ["PRESETS", "method"]
