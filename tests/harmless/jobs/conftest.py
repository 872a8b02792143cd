from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage.data import astronaut

from guise.harmless import LoadedModel
from guise.harmless.sources import load_models
from tests.harmless import tiny


@pytest.fixture(scope="module")
def model() -> LoadedModel:
    return load_models(tiny.patches(), input="3x32x32")


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return np.asarray(Image.fromarray(astronaut()[:200, 130:330]).resize((32, 32)))


@pytest.fixture
def images(photo: np.ndarray, tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    Image.fromarray(photo).save(folder / "a.png")
    Image.new("RGB", (40, 32)).save(folder / "wide.png")
    return folder
