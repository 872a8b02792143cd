from __future__ import annotations

from pathlib import Path

from tests.cli.harmless.commands import harmless


def test_what_nothing_linear_reads_first_is_still_compared_by_its_output(album: Path) -> None:
    pair = album / "a.jpg", album / "sub" / "b.png"
    outcome = harmless("check", *pair, "--model", "tiny:relu_first", "--input", "3x32x32", "--json")
    assert outcome.code == 0 and "Only the output is compared" in outcome.stderr
    assert outcome.report["changes"]["float32"]["layer"] is None and outcome.report["read"] is None
    assert outcome.report["approximate"]["method"] == "output compared only"
    assert "approx." not in harmless("check", *pair, "--model", "tiny:relu_first", "--input", "3x32x32").stdout


def test_nothing_is_kept_where_nothing_is_ignored(album: Path) -> None:
    pair = album / "a.jpg", album / "sub" / "b.png"
    outcome = harmless("check", *pair, "--model", "tiny:everything", "--input", "3x32x32", "--json")
    assert outcome.report["kept"] is None and outcome.report["read"] == 1
