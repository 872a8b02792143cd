"""What a model ignores of a change, and what acts."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from guise.harmless import LoadedModel, decompose


def test_parts_of_a_change_add_up_and_the_harmful_part_explains_the_effect(
    images: Path, model: LoadedModel, photo: np.ndarray, tmp_path: Path
) -> None:
    perturbed = tmp_path / "perturbed"
    perturbed.mkdir()
    noise = np.random.default_rng(0).normal(0, 9, photo.shape)
    Image.fromarray((photo + noise).clip(0, 255).astype(np.uint8)).save(perturbed / "a.png")
    report = decompose(images, perturbed, model, out=tmp_path / "parts")
    assert next(model.model.parameters()).dtype == torch.float32  # the caller's own is left alone
    (done,) = report.photos
    assert 0.7 < done.harmless_share < 0.8 and done.unexplained < 1e-12 < done.effect
    assert report.failed[0][0] == "wide.png" and [path.name for path in (tmp_path / "parts").iterdir()]
    assert json.loads(report.to_json())["photos"][0]["effect"] == done.effect
