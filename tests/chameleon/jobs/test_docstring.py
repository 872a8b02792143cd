"""The program in the package's docstring, run as it stands there."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from guise import chameleon
from guise.chameleon.learning.learn import LearningSettings
from guise.chameleon.learning.refine import RefinementSettings
from guise.models.files import read_photo
from tests.programs import run_program


def test_the_docstrings_program_learns_protects_verifies_and_restores(
    user_photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    holiday = tmp_path / "holiday"
    holiday.mkdir()
    for name in ("a", "b"):
        Image.open(user_photos / f"{name}.jpg").save(holiday / f"{name}.png")
    # The program as it stands, with fewer steps of optimisation.
    monkeypatch.setattr("guise.chameleon.jobs.options.LearningSettings", partial(LearningSettings, steps=20, views=1))
    monkeypatch.setattr("guise.chameleon.jobs.protection_run.RefinementSettings", partial(RefinementSettings, steps=5))
    monkeypatch.chdir(tmp_path)
    names = run_program(chameleon)

    report = names["report"]
    assert names["key"].mask.digest == chameleon.load_key(tmp_path / "holiday.guise-key").mask.digest
    assert report.protected == ("a.png", "b.png")
    for name in report.protected:
        original, copy, back = (
            read_photo(tmp_path / place / name).pixels.astype(int) for place in ("holiday", "copies", "back")
        )
        assert 2 < np.abs(copy - original).max() <= 48
        assert np.array_equal(back, original)
    before, after = names["seen"].recognisers[0].similarity, names["seen"].recognisers[0].saved.similarity
    assert after is None or after < before - 0.3
    assert names["back"].exact == ("a.png", "b.png")
    for returned in (report, names["seen"], names["back"]):
        assert json.loads(returned.to_json())["photos"]
