"""The pages that `protect` and `guise verify` write: where they lie, who may read them, what they show."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path

from PIL import ImageOps

from guise.cli.verify import verify
from tests.chameleon.pages.parsed import parse
from tests.cli.command_line import call


def cards(page: Path) -> list[str]:
    return sorted(article.all("h3")[0].text for article in parse(page.read_text("utf-8")).all("article"))


def test_the_page_lies_next_to_the_key_and_only_its_owner_reads_it(protect, photos, out, key, head):
    head.save(photos / "a.png")
    outcome = protect("--json")
    page = key.with_name("copies-report.html")
    assert outcome.code == 0 and outcome.report["page"] == str(page)
    assert stat.S_IMODE(page.stat().st_mode) == 0o600
    assert not list(out.rglob("*.html")) and not list(photos.rglob("*.html"))
    shown = parse(page.read_text("utf-8"))
    measured = outcome.photo("a.png")["faces"][0]
    before, after = measured["similarity_before"], measured["similarity_after"]
    assert [measured["links"][0]["recogniser"], f"{before:.2f} → {after:.2f}"] == shown.all("article")[0].rows()[1][:2]
    assert f"SSIM {measured['visibility']['ssim']:.3f}" in shown.all("article")[0].text
    assert "Private." in shown.text and str(page) in protect().stdout


def test_a_page_of_a_later_run_shows_what_earlier_runs_wrote(protect, photos, out, key, head):
    head.save(photos / "a.png")
    ImageOps.mirror(head).save(photos / "b.png")
    protect()
    page = key.with_name("copies-report.html")
    protect()
    assert cards(page) == ["a.png", "b.png"]
    one = ("--user-photos", photos / "b.png", "--out", out, "--key", key, "--refine", "2", "--patience", "0")
    outcome = protect(*one, "--json", bare=True)
    assert [photo["photo"] for photo in outcome.report["photos"]] == ["b.png"] and cards(page) == ["a.png", "b.png"]
    (out / "a.png").unlink()
    protect(*one, bare=True)
    assert cards(page) == ["b.png"]


def test_a_run_without_any_copy_tells_why_on_its_page(protect, photos, key):
    (photos / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    outcome = protect()
    page = key.with_name("copies-report.html")
    assert (
        outcome.code == 1 and "torn.jpg (failed)" in parse(page.read_text("utf-8")).text and str(page) in outcome.stdout
    )


def test_a_page_that_cannot_be_written_costs_the_page_only(protect, photos, out, key, head):
    head.save(photos / "a.png")
    key.with_name("copies-report.html").mkdir()
    outcome = protect("--json")
    assert outcome.code == 3 and "No report page: cannot write" in outcome.stderr
    assert outcome.report["page"] is None and (out / "a.png").is_file()


def test_a_key_may_not_have_the_name_of_the_page(protect, photos, out, key, head):
    head.save(photos / "a.png")
    named = key.rename(key.with_name("copies-report.html"))
    before = named.read_bytes()
    outcome = protect("--user-photos", photos, "--out", out, "--key", named, bare=True)
    assert outcome.code != 0 and "choose another one with --key" in outcome.stderr and named.read_bytes() == before


def test_verify_has_a_page_of_its_own(protect, photos, out, key, head):
    head.save(photos / "a.png")
    ImageOps.mirror(head).save(photos / "b.png")
    protect()
    first = key.with_name("copies-report.html").read_bytes()
    picture = key.with_name("seen.png")
    arguments = (photos, out, "--offline", "--device", "cpu", "--picture", picture)
    report = json.loads(call(verify, *arguments, "--json").stdout)
    page = key.with_name("copies-verify-report.html")
    assert report["page"] == str(page) and stat.S_IMODE(page.stat().st_mode) == 0o600
    assert key.with_name("copies-report.html").read_bytes() == first
    shown = parse(page.read_text("utf-8"))
    assert cards(page) == ["a.png", "b.png"]
    saved = report["recognisers"][0]["versions"]["as saved"]
    assert f"{report['recognisers'][0]['similarity_before']:.2f} → {saved['similarity']:.2f}" in shown.text
    for setting in ("1A", "2B", "2A"):
        (row,) = [row for row in shown.rows() if re.search(rf"\({setting}\)", row[0])]
        assert row[1] == f"{100 * saved['settings'][setting]['linked']:.1f}"
    assert str(page) in call(verify, *arguments).stdout
