"""What a model ignores of a change, and what acts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from PIL import Image

from guise.harmless import (
    decompose,
)
from tests.harmless import tiny


def test_parts_of_a_change_add_up_and_the_harmful_part_explains_the_effect(
    images: Path, photo: np.ndarray, tmp_path: Path
) -> None:
    perturbed = tmp_path / "perturbed"
    perturbed.mkdir()
    noise = np.random.default_rng(0).normal(0, 9, photo.shape)
    Image.fromarray((photo + noise).clip(0, 255).astype(np.uint8)).save(perturbed / "a.png")
    report = decompose(images, perturbed, tiny.patches(), input="3x32x32", out=tmp_path / "parts")
    (done,) = report.photos
    assert 0.7 < done.harmless_share < 0.8 and done.unexplained < 1e-12 < done.effect
    assert report.failed[0][0] == "wide.png" and [path.name for path in (tmp_path / "parts").iterdir()]
    assert json.loads(report.to_json())["photos"][0]["effect"] == done.effect
