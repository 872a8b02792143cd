"""Our method, as `guise dpaf train` runs it, called from the library."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

from guise.dpaf import PRESETS, Records, RunFolder, RunSettings, Streams, Trainer, planned, synthesise
from guise.dpaf.accounting.plan import without_classifiers

Made = tuple[np.ndarray, np.ndarray, float]
"""Images uint8 (N, H, W, channels), labels int64 (N,), epsilon spent."""


def method(preset: str) -> Callable[..., Made]:
    """The method of a preset."""

    def images(records: Records, epsilon: float, delta: float, *, minutes: float, count: int, seed: int) -> Made:
        privacy, performance = PRESETS[preset]
        privacy = without_classifiers(privacy, len(records.classes)).calibrate(epsilon, delta)
        _, performance = planned(records, privacy, performance, minutes=minutes)
        settings = RunSettings.of(records, "benchmark", privacy, performance)
        with tempfile.TemporaryDirectory() as folder:
            run = RunFolder(Path(folder))
            run.begin(settings)
            made = synthesise(Trainer(records, run, streams=Streams()).train(), count, seed=seed)
        return made.images, made.labels, privacy.cost()

    return images
