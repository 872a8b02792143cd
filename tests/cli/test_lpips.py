"""LPIPS in the reports of `protect` and `guise verify`, and the bound on it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from guise import chameleon
from guise.cli.verify import verify
from guise.models.places import cache_folder
from tests.chameleon.pages.parsed import parse
from tests.cli.command_line import Outcome, call, check_refused, hashes
from tests.lpips_trunk import put_into_cache, reference

HINT = "not measured: guise models fetch lpips-squeeze"


@pytest.fixture
def trunk_is_here(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    file = put_into_cache(monkeypatch)
    yield file
    file.unlink(missing_ok=True)


@pytest.fixture
def originals(photos: Path, head: Image.Image) -> Path:
    for name in ("a.png", "b.jpg"):
        head.save(photos / name)
    return photos


def over_the_face(outcome: Outcome, name: str, photos: Path, out: Path) -> float:
    """By the package itself, over the box that the report gives."""
    left, top, right, bottom = outcome.photo(name)["faces"][0]["box"]
    box = np.s_[max(0, int(np.floor(top))) : int(np.ceil(bottom)), max(0, int(np.floor(left))) : int(np.ceil(right))]
    before, after = (np.asarray(Image.open(folder / name).convert("RGB"))[box] for folder in (photos, out))
    return reference(before, after)


@pytest.mark.usefixtures("trunk_is_here")
def test_the_report_tells_lpips_of_each_face_and_the_bound_holds_in_the_written_files(protect, originals, out):
    free = protect("--json")
    measured = {name: over_the_face(free, name, originals, out) for name in ("a.png", "b.jpg")}
    for name, distance in measured.items():
        assert free.photo(name)["faces"][0]["lpips"] == pytest.approx(distance, rel=1e-3)
    assert free.report["lpips"] == pytest.approx(sum(measured.values()) / 2, rel=1e-3)
    bound = 0.7 * min(measured.values())
    held = protect("--lpips", str(bound), "--json")
    for name in measured:
        assert held.photo(name)["status"] == "protected"  # made again
        assert 0.9 * bound < over_the_face(held, name, originals, out) <= bound
    text = protect("--lpips", str(bound)).stdout
    assert "LPIPS" in text.splitlines()[0] and f"LPIPS         {held.report['lpips']:.3f} on average" in text


def test_where_the_weights_are_absent_one_line_says_how_to_get_them(protect, originals, out, monkeypatch):
    outcome = protect()
    assert outcome.code == 0 and (outcome.stdout + outcome.stderr).count(HINT) == 1
    report = protect("--json").report
    assert report["lpips"] is None
    assert [face["lpips"] for photo in report["photos"] for face in photo["faces"]] == [None, None]
    copies = hashes(out)
    file = put_into_cache(monkeypatch)
    try:  # finished copies stay, and are measured
        again = protect("--json")
    finally:
        file.unlink()
    assert hashes(out) == copies
    for name in ("a.png", "b.jpg"):
        assert again.photo(name)["status"] == "skipped"
        distance = over_the_face(again, name, originals, out)
        assert again.photo(name)["faces"][0]["lpips"] == pytest.approx(distance, rel=1e-3)


@pytest.mark.usefixtures("originals")
def test_a_bound_needs_the_weights(protect, out, trunk_is_here):
    trunk_is_here.unlink()
    check_refused(protect("--lpips", "0.05"), 1, "--lpips 0.05", "run `guise models fetch lpips-squeeze`")
    trunk_is_here.write_bytes(b"evil")
    check_refused(protect("--lpips", "0.05"), 1, "--lpips 0.05", "sha256", "run `guise models fetch lpips-squeeze`")
    assert not out.exists()


@pytest.mark.usefixtures("originals")
def test_damaged_weights_are_told_of_and_never_opened(protect, trunk_is_here):
    trunk_is_here.write_bytes(b"evil")
    outcome = protect()
    assert outcome.code == 0 and "LPIPS cannot be measured" in outcome.stderr and HINT in outcome.stdout


@pytest.mark.usefixtures("originals", "trunk_is_here")
@pytest.mark.parametrize("bound", ["0", "-1", "nan", "much"])
def test_a_bound_that_makes_no_sense_is_wrong_usage(protect, out, bound):
    outcome = protect("--lpips", bound)
    assert outcome.code == 2 and "lpips" in outcome.stderr and not out.exists()


def test_a_dry_run_takes_the_same_options(protect, originals, out):
    assert len(hashes(originals)) == 2
    assert protect("--lpips", "0.05", "--dry-run").code == 0 and not out.exists()


@pytest.mark.usefixtures("trunk_is_here")
def test_verify_tells_lpips_of_each_face_and_its_mean(protect, originals, out):
    made = protect("--json")
    outcome = call(verify, originals, out, "--offline", "--device", "cpu", "--json")
    report = json.loads(outcome.stdout)
    for photo in report["photos"]:
        assert photo["lpips"] == pytest.approx(made.photo(photo["photo"])["faces"][0]["lpips"], rel=1e-3)
    assert report["lpips"] == pytest.approx(made.report["lpips"], rel=1e-3)
    text = call(verify, originals, out, "--offline", "--device", "cpu").stdout
    (row,) = (line.split() for line in text.splitlines() if line.startswith("LPIPS"))
    assert row[1] == f"{report['lpips']:.3f}" and HINT not in text


def test_verify_says_once_how_to_get_the_weights(originals, tmp_path):
    copies = tmp_path / "same"
    copies.mkdir()
    for file in originals.iterdir():
        (copies / file.name).write_bytes(file.read_bytes())
    outcome = call(verify, originals, copies, "--offline", "--device", "cpu")
    assert outcome.code == 0 and (outcome.stdout + outcome.stderr).count(HINT) == 1
    report = json.loads(call(verify, originals, copies, "--offline", "--device", "cpu", "--json").stdout)
    assert report["lpips"] is None and {photo["lpips"] for photo in report["photos"]} == {None}


def test_the_page_tells_lpips_or_how_to_get_it(originals, key, out, reader, monkeypatch):
    options = {"out": out, "refine": 0, "offline": True, "device": "cpu", "reader": reader}
    page = parse(chameleon.protect(originals, key, **options).to_html()).text
    assert all(words in page for words in HINT.split(": "))
    file = put_into_cache(monkeypatch)
    try:
        report = chameleon.protect(originals, key, **options)
    finally:
        file.unlink()
    assert file.parent.parent == cache_folder()
    (row,) = [row for row in parse(report.to_html()).rows() if row[0] == "LPIPS"]
    assert row[1] == f"{report.lpips:.3f}"
