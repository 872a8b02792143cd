import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks import pairs, report
from benchmarks.visibility_ruler import MEASURES


def line(user: str, recall: float | None, *, code: str = "a", settings: str = "x") -> dict[str, Any]:
    far = {"1e-2": recall, "1e-3": 0.0}
    scores = {} if recall is None else {"1A": {"recall": recall, "rank1": recall, "linked_at_far": far}}
    saved = {"no_face": 0.0, "settings": scores}
    return {
        "name": user, "learning": "dlib-resnet", "strength": "mid", "settings_hash": settings, "code": code,
        "commit": code,
        "ssim": 0.96, "flip": 0.1, "unprotected": 0.0, "learn_seconds": 60.0, "apply_seconds": 0.2,
        "judges": {"dlib": {"white_box": True, "versions": {"as saved": saved}}},
    }  # fmt: skip


def test_spread_is_over_the_values_that_there_are():
    assert report.spread([0.1, None, 0.3]) == {"mean": pytest.approx(0.2), "std": pytest.approx(0.1414, abs=1e-4)}
    assert report.spread([0.1]) == {"mean": 0.1, "std": None}
    assert report.spread([None]) == {"mean": None, "std": None}


def test_users_are_averaged_and_other_settings_kept_apart():
    summary = report.summarise([line("u1", 0.1), line("u2", 0.3), line("u1", 0.9, settings="y")])
    recalls = [entry["judges"]["dlib"]["versions"]["as saved"]["recall"]["1A"]["mean"] for entry in summary]
    assert recalls == [pytest.approx(0.2), pytest.approx(0.9)]
    assert [entry["learning"] for entry in summary] == ["dlib-resnet [x]", "dlib-resnet [y]"]


def test_a_curve_joins_no_two_groups_of_people():
    other = line("u9", 0.9, settings="y") | {"strength": "low"}
    labels = [entry["learning"] for entry in report.summarise([line("u1", 0.1), other])]
    assert labels == ["dlib-resnet [x]", "dlib-resnet [y]"]


def test_table_shows_mean_and_spread_in_percent_and_marks_white_boxes():
    text = report.markdown(report.summarise([line("u1", 0.1), line("u2", 0.3)]))
    assert "| dlib \\* | – | – | – | – | 20.0 ± 14.1 |" in text
    assert "the code changed" not in text


def test_a_table_over_two_versions_of_the_code_says_so():
    assert "the code changed" in report.markdown(report.summarise([line("u1", 0.1), line("u2", 0.3, code="b")]))


def test_a_user_whom_no_judge_could_score_leaves_a_dash():
    assert "| – | – | – | – |" in report.markdown(report.summarise([line("u1", None)]))


def test_results_hold_lines_command_and_versions_and_a_torn_line_is_passed_over(tmp_path: Path):
    lines = tmp_path / "lines.jsonl"
    lines.write_text(json.dumps(line("u1", 0.1)) + '\n{"name": "u2", "learn')
    report.write(tmp_path, command="python x", lines=report.read_lines(lines))
    results = json.loads((tmp_path / "results.json").read_text())
    assert [entry["name"] for entry in results["lines"]] == ["u1"]
    assert results["versions_of_code"] == [{"commit": "a", "code": "a"}]
    assert results["commands"] == ["python x"] and results["versions"]["torch"] and results["cores"] >= 1


def ruled(mean: float, worst: float) -> dict[str, Any]:
    return {"photos": 1, **{name: {"mean": mean, "worst": worst} for name in MEASURES}}


def test_visibility_is_the_mean_over_users_and_the_worst_of_all_photos():
    lines = [line("u1", 0.1) | {"screen": ruled(0.98, 0.9)}, line("u2", 0.3) | {"screen": ruled(0.96, 0.95)}]
    entry = report.summarise(lines)[0]
    assert entry["screen"]["ssim"]["mean"] == pytest.approx(0.97)
    assert (entry["screen"]["ssim"]["worst"], entry["screen"]["flip"]["worst"]) == (0.9, 0.95)
    assert entry["full"] == {}
    text = report.markdown([entry])
    assert "| dlib \\* | 0.970 | 0.970 | 1.0 | – |" in text and "| on a screen | 0.970 (0.900) |" in text


def test_pairs_are_shown_only_where_they_were_counted():
    counted = line("u1", None)
    assert "still linked" not in report.markdown(report.summarise([counted]))
    kinds = {kind: {"pairs": 4, "own": 1, "1e-2": 1, "1e-3": 0} for kind in pairs.KINDS}
    counted["judges"]["dlib"]["versions"]["as saved"]["pairs"] = kinds
    assert "25 % (1 of 4)" in report.markdown(report.summarise([counted, counted | {"settings_hash": "y"}]))


def test_few_photos_leave_no_empty_curves(tmp_path: Path):
    lines = [line("u1", None)]
    lines[0]["judges"]["dlib"]["white_box"] = False
    report.write(tmp_path, command="python x", lines=lines)
    assert not (tmp_path / "curves.png").exists()
