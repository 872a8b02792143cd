"""What opponents recover, and the report on it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from guise.harmless import LoadedModel, attack, null_space
from guise.models.errors import InputError


def test_attacks_tell_what_they_recovered_and_at_which_rank(
    model: LoadedModel, photo: np.ndarray, tmp_path: Path
) -> None:
    others = tmp_path / "others"
    others.mkdir()
    for turn in (90, 180):
        Image.fromarray(photo).rotate(turn).save(others / f"{turn}.png")
    Image.fromarray(photo).save(others / "same.png")
    said: list[str] = []
    copy = null_space(model).fill(photo, exact_uint8=True, moves=200).copy
    report = attack(photo, [copy], model, among=others, announce=said.append)
    assert said == [f"1 photo of {others} is the original or of another size"]
    rows = json.loads(report.to_json())["attacks"]
    assert [row["rank"]["candidates"] for row in rows] == [3] * len(rows) and rows[0]["rank"]["by_output"] == 1
    assert rows[-1]["ssim"] == report.recovered[-1].similarity.ssim > rows[0]["ssim"]
    report.write(tmp_path / "recovered", name="a")
    written = tmp_path / "recovered" / "a.projection.png"
    with Image.open(written, formats=["PNG"]) as image:
        assert (np.asarray(image) == report.recovered[-2].picture).all()
    for name in ("90.png", "180.png"):
        (others / name).unlink()
    with pytest.raises(InputError, match="name another with `among=`"):
        attack(photo, [copy], model, among=others)
    with pytest.raises(InputError, match="at least one"):
        attack(photo, [], model)
