"""A dataset and runs that are small enough for tests."""

from __future__ import annotations

import numpy as np

from guise.dpaf.accounting.budget import DatasetBudgets
from guise.dpaf.accounting.settings import PrivacySettings
from guise.dpaf.data import dataset_from_arrays
from guise.dpaf.mechanisms.randomness import Streams
from guise.dpaf.settings import PRESETS, PerformanceSettings
from guise.dpaf.training.claim import Claim, begin_run
from guise.dpaf.training.run_folder import RunFolder
from guise.dpaf.training.run_settings import RunSettings
from guise.dpaf.training.trainer import Trainer

FAST = {
    "fakes": 2,
    "latent": 4,
    "width": 8,
    "fitting_steps": 3,
    "checkpoint_every": 2,
    "generator_steps": 1,
    "critic_steps": 2,
}


def two_classes(count=40, *, every=2):
    """One record in `every` is of class 1."""
    random = np.random.default_rng(0)
    labels = (np.arange(count) % every == every - 1).astype(int)
    images = random.integers(0, 60, (count, 28, 28))
    images[labels == 1, :14] += 150
    return dataset_from_arrays(images, labels, size=28, where="toy", digest=b"toy")


def privacy(preset="dpaf", **changed):
    """Settings with a budget that they keep to with much to spare: calibration is tested elsewhere, and slow."""
    given = {
        **vars(PRESETS[preset][0]),
        "head_rate": 0.3,
        "steps": 4,
        "stem_rate": 0.3,
        "sampling_rate": 0.3,
        "epsilon": 8.0,
        "delta": 1e-3,
    }
    for name in ("head_steps", "stem_steps"):
        given[name] = 4 if given[name] else 0
    for name in ("moments_noise", "head_noise", "stem_noise", "aggregate_noise", "gradient_noise"):
        given[name] = given[name] and 4 * given[name]
    return PrivacySettings(**{**given, **changed})


def begin(path, data, settings=None, *, preset="dpaf", reproducible=True, **changed):
    performance = {**vars(PRESETS[preset][1]), **FAST, **changed}
    folder = RunFolder(path)
    chosen = PerformanceSettings(**performance)
    settings = RunSettings.of(data, "toy", settings or privacy(preset), chosen, reproducible=reproducible)
    return begin_run(folder, settings, data, budgets_of(folder)).folder


def budgets_of(folder):
    """Each toy run has a budgets file of its own, outside its folder."""
    return DatasetBudgets(folder.path.with_name(f"{folder.path.name}.sqlite"))


def claim(folder):
    return Claim(folder, budgets_of(folder))


def train(folder, data, *, seed=1, claim=None, **more):
    return Trainer(data, claim or Claim(folder, budgets_of(folder)), streams=Streams(unsafe_seed=seed), **more).train()
