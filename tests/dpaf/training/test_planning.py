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
