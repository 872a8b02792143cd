"""`protect --patience`: photos that are still linked are fitted again, in a run that was cut short as in one go."""

from __future__ import annotations

from dataclasses import replace

import pytest

from guise.chameleon.learning.refine import Refiner
from guise.chameleon.mask.key import load_key, save_key
from tests.cli.command_line import hashes

PATIENT = ("--strength", "low", "--refine", "1", "--patience", "2")  # which is too little for all photos


@pytest.fixture
def three(photos, head):
    for index, name in enumerate("abc"):
        head.crop((9 * index, 0, 262, 262)).save(photos / f"{name}.jpg", quality=92)
    return photos


@pytest.fixture
def again(monkeypatch):
    """How many faces were fitted again at once, each time."""
    counts, refine = [], Refiner.refine

    def recorded(self, faces, *, seed, attempt, progress):
        if attempt.starts:
            counts.append(len(faces))
        return refine(self, faces, seed=seed, attempt=attempt, progress=progress)

    monkeypatch.setattr(Refiner, "refine", recorded)
    return counts


@pytest.mark.usefixtures("three")
def test_a_run_that_was_cut_short_gives_the_files_of_one_in_one_go(protect, out, again):
    whole = protect(*PATIENT, "--json")
    assert [photo["notes"][-1] for photo in whole.report["photos"]] == ["fitted again 2 times"] * 3
    assert again == [3, 3]
    files = hashes(out)
    for missing in ("bc", "a"):  # stopped after the first; the first lost
        for name in missing:
            (out / f"{name}.jpg").unlink()
        rest = protect(*PATIENT, "--json")
        assert [photo["status"] for photo in rest.report["photos"]].count("protected") == len(missing)
        assert hashes(out) == files
    assert again == 3 * [3, 3]  # those that are done are fitted with the others
    again.clear()
    assert protect(*PATIENT[:-1], "0").code == 0  # other settings: written anew
    assert again == [] and any(digest != files[name] for name, digest in hashes(out).items())


@pytest.mark.usefixtures("three")
def test_where_it_does_nothing_it_says_so_and_only_if_it_was_given(protect, key):
    one_mask = "puts one mask on all photos: --patience without effect."
    assert f"--refine 0 {one_mask}" in protect("--refine", "0", "--patience", "1").stderr
    assert "--patience" not in protect("--refine", "0").stderr
    known = load_key(key)
    save_key(replace(known, provenance=replace(known.provenance, preset="paper")), key)
    assert f"The published procedure {one_mask}" in protect("--refine", "0", "--patience", "1").stderr.replace(
        "--refine, ", ""
    )


@pytest.mark.parametrize("value", ["-1", "11", "2.5", "long"])
def test_values_that_make_no_sense_are_wrong_usage(protect, photos, out, head, value):
    head.save(photos / "a.png")
    outcome = protect("--patience", value)
    assert outcome.code == 2 and value in outcome.stderr and "--patience" in outcome.stderr and not out.exists()


def test_a_dry_run_takes_it_too(protect, three, out):
    assert len(hashes(three)) == 3
    assert protect("--patience", "5", "--dry-run").code == 0 and not out.exists()
