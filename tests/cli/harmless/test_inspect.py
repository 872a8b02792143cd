from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.cli.command_line import check_refused
from tests.cli.harmless.commands import harmless


def test_inspect_tells_what_is_ignored(tmp_path: Path) -> None:
    outcome = harmless("inspect", "tiny:patches", "--input", "3x32x32", "--json", "--plot", tmp_path / "spectrum.png")
    (space,) = outcome.report["spaces"]
    assert (space["n"], space["m"], space["formula"], space["measured"]) == (3072, 768, 2304, 2304)
    assert space["leakage"] < 1e-14 and space["spectrum_deciles"][0] > space["spectrum_deciles"][10] > 0
    with Image.open(tmp_path / "spectrum.png", formats=["PNG"]) as image:
        assert image.width > 600
    table = harmless("inspect", "tiny:everything", "--input", "3x32x32")
    assert table.code == 0 and "0.0%" in table.stdout
    grey = harmless("inspect", "tiny:everything", "--input", "3x32x32", "--preprocess", "gray")
    assert grey.code == 0 and "2048" in grey.stdout and "66.7%" in grey.stdout


def test_table_plot_and_report_call_layers_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    from guise.cli.harmless import inspect as command

    drawn: list[str] = []
    monkeypatch.setattr(command, "_draw", lambda spaces, _: drawn.extend(space.name for space in spaces))
    outcome = harmless("inspect", "tiny:Joint", "--input", "3x32x32", "--plot", "spectrum.png", "--json")
    names = [space["name"] for space in outcome.report["spaces"]]
    assert drawn == names == ["joint", "other", "joint"]
    assert [space["m"] for space in outcome.report["spaces"]] == [8 * 16, 16 * 16, 24 * 16]


def test_inspect_follows_a_layer_and_suggests_names() -> None:
    outcome = harmless("inspect", "tiny:patches", "--input", "3x32x32", "--layer", "3", "--json")
    assert outcome.report["shape"] == [768] and outcome.report["spaces"][0]["measured"] == 758
    check_refused(harmless("inspect", "tiny:patches", "--input", "3x32x32", "--layer", "33"), 2, "no layer", "3")


def test_recognisers_are_inspected() -> None:
    outcome = harmless("inspect", "dlib-resnet", "--offline", "--json")
    assert outcome.code == 0, outcome.stderr
    (space,) = outcome.report["spaces"]  # the last row and column are never read
    assert (space["measured"], space["unread_pixels"], space["leakage"]) == (897, 299, 0)


def test_an_estimate_that_did_not_converge_is_marked(monkeypatch: pytest.MonkeyPatch) -> None:
    from guise.harmless import inspection

    monkeypatch.setattr(inspection, "_MOST", 2)
    outcome = harmless("inspect", "tiny:repeated", "--input", "3x64x64")
    assert outcome.code == 0 and "≤~" in outcome.stdout


def test_the_name_that_is_suggested_is_one_that_works() -> None:
    refused = harmless("inspect", "tiny:Dictionary", "--input", "3x32x32", "--layer", "frst.3")
    assert refused.code == 2 and "no layer 'frst.3'; did you mean first.3" in refused.stderr
    assert harmless("inspect", "tiny:Dictionary", "--input", "3x32x32", "--layer", "first.3").code == 0
