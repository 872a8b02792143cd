"""ONNX files that torch's exporter writes today, from the file to the checked copy."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.harmless.commands import generate, harmless
from tests.models.formats.onnx.exporter import NETWORKS, export, network, rank

pytest.importorskip("onnxscript")


@pytest.mark.parametrize("name", NETWORKS)
def test_the_rank_is_that_of_the_linear_part(tmp_path: Path, name: str) -> None:
    outcome = harmless("inspect", export(tmp_path / "x.onnx", name, 20), "--json")
    assert outcome.code == 0, outcome.stderr
    assert outcome.report["spaces"][-1]["measured"] == 3072 - rank(network(name))


def test_a_photo_is_filled_and_checked(tmp_path: Path, album: Path) -> None:
    path = export(tmp_path / "x.onnx", "attention", 23, external_data=True)
    out = tmp_path / "out"
    outcome = generate(album, out, "--json", model=str(path))
    assert outcome.code == 0, outcome.stderr
    made = outcome.photo("a.jpg")["certificate"]
    assert made["read"] == 512 / 3072 and made["changes"]["float64"]["output"] < 0.02
    checked = harmless("check", album / "a.jpg", out / "a.png", "--model", path, "--json")
    assert checked.code == 0 and checked.report["changes"] == made["changes"]
