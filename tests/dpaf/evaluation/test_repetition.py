from dataclasses import replace

import numpy as np
import pytest

from guise.dpaf.accounting.budget import DatasetBudgets
from guise.dpaf.data import dataset_from_arrays, load
from guise.dpaf.evaluation.repetition import repetition
from guise.dpaf.mechanisms.randomness import Streams
from guise.dpaf.settings import PRESETS, PerformanceSettings
from guise.dpaf.synthesis.drawing import synthesise
from guise.dpaf.training.claim import begin_run
from guise.dpaf.training.run_folder import RunFolder
from guise.dpaf.training.run_settings import RunSettings
from guise.dpaf.training.trainer import Trainer
from guise.models.errors import InputError


def as_images(data, rows=slice(None)):
    return data.images[rows].permute(0, 2, 3, 1).numpy()


def test_copies_of_training_images_are_found():
    random = np.random.default_rng(2)
    both = random.integers(0, 256, (80, 28, 28)).astype(np.uint8)
    labels = np.arange(40) % 2
    training, test = (
        dataset_from_arrays(part, labels, size=28, where="t", digest=b"") for part in (both[:40], both[40:])
    )
    copied = repetition(as_images(training, slice(0, 10)), training, test)
    assert copied.nearest.tolist() == list(range(10)) and copied.nearer_to_training == 1
    assert copied.distances.max() < 1e-3 and copied.membership > 0.6
    fresh = repetition(random.integers(0, 256, (200, 28, 28, 1)).astype(np.uint8), training, test)
    assert 0.3 < fresh.nearer_to_training < 0.7 and 0.3 < fresh.membership < 0.7
    with pytest.raises(InputError, match="took no part"):
        repetition(as_images(training), training, training)


@pytest.mark.slow
def test_members_of_a_small_dataset_are_not_told_from_others_by_samples(tmp_path):
    digits, others = load("digits"), load("digits", split="test")
    few = replace(digits, images=digits.images[:360], labels=digits.labels[:360])
    privacy = PRESETS["moments"][0].calibrate(1.0, 1e-3)
    settings = RunSettings.of(few, "few", privacy, PerformanceSettings(fitting_steps=300))
    claim = begin_run(RunFolder(tmp_path / "run"), settings, few, DatasetBudgets(tmp_path / "budgets.sqlite"))
    state = Trainer(few, claim, streams=Streams()).train()
    repeated = repetition(synthesise(state, 1000).images, few, others)
    assert 0.42 < repeated.membership < 0.58
