"""A folder of photos in, copies with certificates out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from guise.harmless import LoadedModel, generate
from guise.models.errors import InputError


def test_a_folder_is_filled_with_progress_and_reasons(images: Path, model: LoadedModel, tmp_path: Path) -> None:
    steps: list[tuple[str, int, int]] = []
    report = generate(images, model, out=tmp_path / "out", progress=lambda *step: steps.append(step))
    assert steps == [("generating", 1, 2), ("generating", 2, 2)]
    (failed,) = report.failed
    assert failed.photo == "wide.png" and "it is 40x32" in failed.reason
    photos = json.loads(report.to_json())["photos"]
    assert photos[0]["certificate"] == json.loads((tmp_path / "out" / "a.json").read_text())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"format": "jpeg"}, "keep `format=png`, or add `allow_lossy=True`"),
        ({"non_linear": True, "exact_uint8": True}, "`non_linear=True` goes with none of"),
        ({"magnitude": 7.0}, "`magnitude=7` does not fit `mode=replace`"),
        ({"target": "nowhere"}, "`target=nowhere`"),
        ({"approximate": 0.0}, "`approximate=0` is no share"),
    ],
)
def test_settings_that_do_not_fit_are_named_by_their_keywords(
    images: Path, model: LoadedModel, tmp_path: Path, settings: dict[str, object], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        generate(images, model, out=tmp_path / "out", **settings)  # type: ignore[arg-type]
    assert list(tmp_path.rglob("*.json")) == []
