from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.command_line import check_refused, hashes
from tests.cli.harmless.commands import generate, harmless


def test_generate_writes_pictures_with_certificates_and_check_confirms_them(album: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    outcome = generate(album, out, "--exact-uint8", "--moves", "300", "--json")
    assert outcome.code == 0, outcome.stderr
    assert [photo["file"] for photo in outcome.report["photos"]] == ["a.png", "sub/b.png"]
    for photo in outcome.report["photos"]:
        changes = photo["certificate"]["changes"]
        assert changes["float64"]["layer"] < 5e-3 and all(change["top1"] for change in changes.values())
        assert photo["certificate"]["read"] == 0.25 and photo["certificate"]["to_original"]["ssim"] < 0.7
        assert json.loads((out / photo["file"]).with_suffix(".json").read_text()) == photo["certificate"]
    checked = harmless(
        "check", album / "a.jpg", out / "a.png", "--model", "tiny:patches", "--input", "3x32x32", "--json"
    )
    made = outcome.photo("a.jpg")["certificate"]
    assert checked.report["changes"] == made["changes"] and checked.report["to_target"] is None
    again = tmp_path / "again"
    assert generate(album, again, "--exact-uint8", "--moves", "300").code == 0
    assert hashes(again) == hashes(out)


def test_jpeg_is_refused_unless_allowed_and_then_its_loss_is_shown(album: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    check_refused(generate(album, out, "--format", "jpeg"), 2, "--allow-lossy")
    assert not out.exists()
    lossy = generate(album, out, "--format", "jpeg", "--allow-lossy", "--json").photo("a.jpg")
    exact = generate(album, tmp_path / "exact", "--json").photo("a.jpg")
    layer = [photo["certificate"]["changes"]["float64"]["layer"] for photo in (lossy, exact)]
    assert lossy["file"] == "a.jpeg" and layer[0] > 3 * layer[1]


def test_photos_of_another_size_are_named_and_the_rest_is_done(album: Path, tmp_path: Path) -> None:
    Image.new("RGB", (40, 32)).save(album / "wide.png")
    outcome = generate(album, tmp_path / "out")
    assert outcome.code == 3 and "not done: wide.png: it is 40x32, the model reads 32x32" in outcome.stderr
    assert len(list((tmp_path / "out").rglob("*.png"))) == 2
    check = harmless("check", album / "a.jpg", album / "wide.png", "--model", "tiny:patches", "--input", "3x32x32")
    check_refused(check, 2, "wide.png does not fit: it is 40x32", "32x32")


def test_copies_that_would_meet_are_refused(album: Path, tmp_path: Path) -> None:
    Image.new("RGB", (32, 32)).save(album / "a.png")
    check_refused(generate(album, tmp_path / "out"), 2, "several photos would be written as a.png")


def test_a_layer_that_ignores_nothing_generates_nothing(album: Path, tmp_path: Path) -> None:
    outcome = generate(album, tmp_path / "out", model="tiny:everything")
    assert outcome.code == 2 and outcome.stderr.count("reads every dimension") == 1
    assert np.all([not path.is_file() for path in (tmp_path / "out").rglob("*")])


def test_generate_goes_on_where_it_stopped_and_replaces_only_its_own(
    album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from guise.harmless.pictures import folders

    out, made = tmp_path / "out", []
    original = folders.fill
    monkeypatch.setattr(folders, "fill", lambda *a, **k: made.append(1) or original(*a, **k))
    (out / "sub").mkdir(parents=True)
    (out / "sub" / "b.json").write_text("mine")
    first = generate(album, out, "--json")
    assert first.code == 3 and "b.json: another file is there already" in first.stderr
    assert (out / "sub" / "b.json").read_text() == "mine" and len(made) == 2
    (out / "sub" / "b.json").unlink()
    again = generate(album, out, "--json")  # only what was not done
    assert again.code == 0 and len(made) == 3
    assert again.report["photos"][0] == first.report["photos"][0]
    written = hashes(out)
    assert generate(album, out).code == 0 and len(made) == 3 and hashes(out) == written
    (out / "a.png").unlink()
    assert generate(album, out).code == 0 and len(made) == 4
    assert all(hashes(out)[name] == written[name] for name in ("a.png", "a.json", "sub/b.png", "sub/b.json"))
    assert generate(album, out, "--seed", "1").code == 0 and len(made) == 6  # its own may be replaced
    assert hashes(out)["a.png"] != written["a.png"]
    assert generate(album, out, "--seed", "1", model="tiny:strided").code == 0 and len(made) == 8
    (out / "a.png").write_bytes(b"edited")
    edited = generate(album, out)
    assert edited.code == 3 and "a.png: another file" in edited.stderr and (out / "a.png").read_bytes() == b"edited"


def test_models_that_read_everything_get_marked_approximations(album: Path, tmp_path: Path) -> None:
    near = generate(album, tmp_path / "near", "--approximate", "0.3", "--json", model="tiny:everything")
    assert near.code == 0, near.stderr
    for photo in near.report["photos"]:
        made = photo["certificate"]["approximate"]
        assert made["method"] == "near-null" and made["bound"] == 0.3 and 0 < made["reached"] < 0.31
    table = generate(album, tmp_path / "walk", "--non-linear", "--steps", "8", model="tiny:relu_first")
    assert table.code == 0 and "approx." in table.stdout and "CHANGED" not in table.stdout
    certificate = json.loads((tmp_path / "walk" / "a.json").read_text())
    assert certificate["approximate"] == {"method": "level set", "bound": None, "reached": None}
    assert certificate["changes"]["float32"]["output"] < 0.05 and certificate["moved"] > 0.05
    both = generate(album, tmp_path / "both", "--non-linear", "--exact-uint8")
    check_refused(both, 2, "--non-linear goes with none of")
    check_refused(generate(album, tmp_path / "both", "--approximate", "2"), 2, "--approximate 2 is no share")


def test_several_models_share_what_all_of_them_ignore(album: Path, tmp_path: Path) -> None:
    outcome = harmless("inspect", "tiny:patches", "tiny:few", "--input", "3x32x32", "--json")
    names = [space["name"] for space in outcome.report["spaces"]]
    assert names == ["tiny:patches 0", "tiny:few 0", "joint"]
    assert [space["measured"] for space in outcome.report["spaces"]] == [2304, 3072 - 40 * 4, 3072 - 768 - 160]
    out = tmp_path / "out"
    assert generate(album, out, "--model", "tiny:few", "--exact-uint8", "--moves", "200").code == 0
    for model in ("tiny:patches", "tiny:few"):
        where = ("--model", model, "--input", "3x32x32", "--json")
        changes = harmless("check", album / "a.jpg", out / "a.png", *where).report["changes"]
        assert changes["float64"]["layer"] < 0.01 and changes["float64"]["top1"]
    where = ("--model", "tiny:patches", "--model", "tiny:few", "--input", "3x32x32", "--json")
    both = harmless("check", album / "a.jpg", out / "a.png", *where).report["changes"]["float64"]
    assert both["output"] >= changes["float64"]["output"]
    walk = generate(album, tmp_path / "walk", "--model", "tiny:few", "--non-linear")
    check_refused(walk, 2, "one model's level set")
    sizes = harmless("check", album / "a.jpg", out / "a.png", "--model", "tiny:patches", "--model", "dlib-resnet")
    check_refused(sizes, 2, "photos of 3x150x150 and 3x224x224", "go together")


def test_answers_of_several_parts_and_precisions_that_overflow_are_certified(album: Path, tmp_path: Path) -> None:
    assert generate(album, tmp_path / "out", model="tiny:Dictionary").code == 0
    report = json.loads((tmp_path / "out" / "a.json").read_text())
    assert report["changes"]["float32"]["output"] < 0.05 and report["changes"]["float16"]["output"] is None
    same = harmless(
        "check", album / "a.jpg", album / "a.jpg", "--model", "tiny:patches", "--input", "3x32x32", "--json"
    )
    assert same.report["kept"] == pytest.approx(1) and report["kept"] < 0.5


def test_a_target_that_changes_nothing_is_said(album: Path, tmp_path: Path) -> None:
    outcome = generate(album, tmp_path / "out", "--mode", "add", "--target", "constant")
    assert outcome.code == 1 and "changes nothing where the model does not look" in outcome.stdout + outcome.stderr
    report = generate(album, tmp_path / "out", "--mode", "add", "--target", "constant", "--json").report
    for photo in report["photos"]:
        assert photo["reason"].endswith("choose another with --target") and photo["certificate"] is None
