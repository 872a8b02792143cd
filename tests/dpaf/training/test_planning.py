from __future__ import annotations

import numpy as np
import pytest

from guise.dpaf.data import dataset_from_arrays
from guise.dpaf.settings import PRESETS, PerformanceSettings
from guise.dpaf.training.planning import planned
from tests.dpaf.toy import privacy


@pytest.mark.parametrize(
    ("size", "classes", "fakes"), [(32, 2, 40), (64, 2, 40), (128, 2, 10), (32, 4, 20), (128, 4, 8)]
)
def test_a_step_has_more_fakes_of_each_class_where_classes_are_few_and_fewer_of_large_images(size, classes, fakes):
    """Never fewer than the settings say."""
    images = np.zeros((8, size, size), np.uint8)
    images[:, 0] = 255
    dataset = dataset_from_arrays(images, np.arange(8) % classes, size=size, where="toy", digest=b"toy")
    asked = PerformanceSettings(**{**vars(PRESETS["moments"][1]), "width": 8, "latent": 4})
    _, performance = planned(dataset, privacy("moments"), asked)
    assert performance.fakes == fakes


def test_minutes_hold_the_generator_steps_on_what_students_see_too(monkeypatch):
    images = np.zeros((8, 28, 28), np.uint8)
    images[:, 0] = 255
    dataset = dataset_from_arrays(images, np.arange(8) % 2, size=28, where="toy", digest=b"toy")
    monkeypatch.setattr("guise.dpaf.training.planning._speeds", lambda *_: (0.0, 0.1, 0.0))
    monkeypatch.setattr("guise.dpaf.training.planning._speeds_of_student", lambda *_: (0.01, 0.0, 0.2))
    asked = PerformanceSettings(**{**vars(PRESETS["student"][1]), "width": 8, "latent": 4})
    plan, performance = planned(dataset, privacy("student", steps=6), asked, minutes=10)
    students = sum(range(1, 7)) * 0.2  # in the steps after each of the six releases
    steps = performance.fitting_steps + 6 * performance.generator_steps
    spent = 0.1 * steps + students * performance.generator_steps + 6 * 0.01 * performance.critic_steps
    assert spent == pytest.approx(600, rel=0.02) == plan.seconds
    assert 6 * performance.generator_steps == pytest.approx(0.6 * steps, rel=0.02)
