"""`protect --refine`: what fitting masks to photos remembers, repeats and asks for."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from guise.chameleon.learning.refine import Refiner
from guise.chameleon.mask.key import load_key, save_key
from tests.cli.command_line import hashes


@pytest.fixture
def remembered(monkeypatch):
    """What refiners are told to remember."""
    told = []
    remember = Refiner.remember
    monkeypatch.setattr(
        Refiner, "remember", lambda self, directions: (told.append(directions), remember(self, directions))[1]
    )
    return told


def test_photos_of_another_folder_are_kept_apart_from_though_they_have_the_same_name(
    protect, photos, tmp_path, head, remembered
):
    head.save(photos / "a.png")
    assert protect().code == 0
    party = tmp_path / "party"
    party.mkdir()
    head.crop((10, 0, 270, 260)).save(party / "a.png")
    remembered.clear()
    assert protect("--user-photos", party, "--out", tmp_path / "other").code == 0
    assert len(remembered) == 2  # the earlier folder's photo at the start, and this one when it was done


def test_a_finished_folder_is_not_refined_again_for_a_photo_without_a_face(protect, photos, head, monkeypatch):
    head.save(photos / "a.png")
    Image.new("RGB", (200, 200), "green").save(photos / "b.png")
    assert protect().code == 3
    monkeypatch.setattr(Refiner, "refine", lambda *_, **__: pytest.fail("refined again"))
    assert protect("--json").photo("a.png")["status"] == "skipped"


def test_nine_photos_that_were_cut_short_come_out_as_in_one_go(protect, photos, out, head):
    for index in range(9):
        head.crop((index, 0, 262 + index, 262)).save(photos / f"{index}.png")
    assert protect().code == 0
    whole = hashes(out)
    for name in ("3.png", "8.png"):
        (out / name).unlink()
    outcome = protect("--json")
    assert [photo["status"] for photo in outcome.report["photos"]].count("skipped") == 7
    assert hashes(out) == whole


def test_refined_photos_differ_from_those_with_the_mask_alone(protect, photos, out, tmp_path, head):
    head.save(photos / "a.png")
    protect()
    protect("--refine", "0", "--out", tmp_path / "plain")
    assert hashes(out) != hashes(tmp_path / "plain")


def test_a_guest_is_taken_away_from_themselves_not_from_the_keys_user(protect, photos, head, monkeypatch):
    seen = []
    refine = Refiner.refine
    monkeypatch.setattr(
        Refiner, "refine", lambda self, *a, **k: (seen.append(self._templates), refine(self, *a, **k))[1]
    )
    head.save(photos / "a.png")
    protect()
    protect("--user-face", "all")
    assert [sorted(templates) for templates in seen] == [["dlib-resnet"], []]


def test_the_keys_user_may_be_named_by_a_photo_again(protect, photos, tmp_path, head, monkeypatch):
    seen = []
    refine = Refiner.refine
    monkeypatch.setattr(
        Refiner, "refine", lambda self, *a, **k: (seen.append(self._templates), refine(self, *a, **k))[1]
    )
    head.save(photos / "a.png")
    head.save(tmp_path / "me.png")
    assert protect("--user-face", tmp_path / "me.png").code == 0
    assert [sorted(templates) for templates in seen] == [["dlib-resnet"]]


def test_a_key_of_other_weights_says_so(protect, photos, key, head):
    known = load_key(key)
    save_key(replace(known, provenance=replace(known.provenance, weights={"dlib-resnet": "0" * 64})), key)
    head.save(photos / "a.png")
    refused = protect()
    assert refused.code == 2 and "other weights" in refused.stderr and "--refine 0" in refused.stderr
    assert protect("--refine", "0").code == 0


def test_a_key_that_needs_a_file_says_so(protect, photos, key, head):
    known = load_key(key)
    save_key(replace(known, provenance=replace(known.provenance, recognisers=("dlib-resnet", "mine"))), key)
    head.save(photos / "a.png")
    refused = protect()
    assert refused.code == 2 and "mine" in refused.stderr and "--refine 0" in refused.stderr
    assert protect("--refine", "0").code == 0


def test_a_photo_that_joins_a_finished_folder_is_kept_apart_from_the_files_that_are_there(
    protect, photos, out, head, remembered, monkeypatch
):
    for index in range(1, 4):
        head.crop((index, 0, 262 + index, 262)).save(photos / f"{index}.png")
    assert protect().code == 0
    whole, written = hashes(out), list(remembered)
    together, refine = [], Refiner.refine
    monkeypatch.setattr(Refiner, "refine", lambda self, p, **k: (together.append(len(p)), refine(self, p, **k))[1])
    head.crop((9, 0, 270, 262)).save(photos / "0.png")
    remembered.clear()
    assert protect().code == 0
    assert together == [1] and len(remembered) == 4  # the three that are there, before it, and itself
    for at_first, again in zip(written, remembered, strict=False):
        assert np.allclose(at_first["dlib-resnet"], again["dlib-resnet"], atol=0.01)
    assert {name: digest for name, digest in hashes(out).items() if name != "0.png"} == whole


def test_a_photo_that_was_edited_is_kept_apart_from_all_copies_that_stay(protect, photos, out, head, remembered):
    for index in range(9):
        head.crop((index, 0, 262 + index, 262)).save(photos / f"{index}.png")
    assert protect().code == 0
    whole = hashes(out)
    head.crop((0, 2, 262, 264)).save(photos / "0.png")
    remembered.clear()
    assert protect("--json").photo("0.png")["status"] == "protected"
    assert len(remembered) == 10  # the eight that stay and the copy that it replaces, before it, and itself
    after = hashes(out)
    assert [name for name in whole if whole[name] != after[name]] == ["0.png"]
