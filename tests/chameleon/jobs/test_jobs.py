"""The jobs as a library: what they return, and what they refuse, in the library's words."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from guise import chameleon
from guise.chameleon.faces.template import FaceTemplate
from guise.chameleon.learning.learn import LearningSettings
from guise.chameleon.protection.log import manifest_file
from guise.models.errors import FaceError, InputError, KeyFileError
from tests.chameleon.pages.parsed import parse

FEW = LearningSettings(steps=2, views=1, watched=1)


@pytest.fixture
def holiday(holiday: Path) -> Path:
    (holiday / "notes.txt").write_text("no photo")
    return holiday


@pytest.fixture
def key(holiday: Path) -> chameleon.Key:
    return chameleon.learn(holiday, recognisers=["dlib-resnet"], settings=FEW, offline=True)


def test_a_key_that_is_there_is_loaded_and_options_for_learning_are_said_to_do_nothing(holiday, key):
    said: list[str] = []
    again = chameleon.learn(holiday, recognisers=["sface"], seed=3, announce=said.append, offline=True)
    assert again.mask.digest == key.mask.digest and again.file == holiday.with_name("holiday.guise-key")
    assert "`recognisers=`, `seed=` without effect" in said[-1]


def test_progress_and_messages_come_by_callback_and_nothing_is_printed(holiday, key, capfd):
    done, said, photos = [], [], []
    report = chameleon.protect(
        holiday, key, refine=1, offline=True, progress=lambda *at: done.append(at), announce=said.append,
        on_photo=photos.append,
    )  # fmt: skip
    assert ("protecting", 2, 2) in done
    assert any("notes.txt" in line for line in said)
    assert tuple(photos) == report.photos
    assert capfd.readouterr() == ("", "")


def test_the_reports_agree_with_one_another(holiday, key):
    report = chameleon.protect(holiday, key, refine=0, offline=True)
    values = json.loads(report.to_json())
    assert values["key"] == str(report.key_file) and [row["photo"] for row in values["photos"]] == ["a.jpg", "b.jpg"]
    linked = {row["photo"] for row in values["photos"] for face in row["faces"] if face["linked_after"]}
    assert linked == set(report.linked) == set(values["linked_by"]["dlib-resnet"])
    page = parse(report.page.read_text("utf-8"))
    assert values["page"] == str(report.page) == str(report.key_file.with_name("holiday-protected-report.html"))
    assert [card.all("h3")[0].text for card in page.all("article")] == ["a.jpg", "b.jpg"]


def test_links_are_counted_by_every_recogniser_that_the_mask_was_learnt_against(holiday, key):
    team = ("dlib-resnet", "sface", "guise-mobilefacenet")
    wider = replace(key, provenance=replace(key.provenance, recognisers=team, weights={}))
    # By SFace the key's user is somebody else; by the student the key does not know the user.
    far = FaceTemplate(np.linspace(-1, 1, 128, dtype=np.float32), 1.0)
    wider = chameleon.save_key(replace(wider, templates={**key.templates, "sface": far}), holiday.with_name("wider"))
    report = chameleon.protect(holiday, wider, refine=0, strength="low", offline=True)
    photos = ("a.jpg", "b.jpg")
    assert report.recognisers == team
    assert report.linked_by == {"dlib-resnet": photos, "sface": (), "guise-mobilefacenet": photos}
    assert report.linked == photos
    assert report.still_linked == "2 of 2 by dlib-resnet, 0 by sface, 2 by guise-mobilefacenet"
    assert "The mask was learnt against all of them" in report.measured_by
    values = json.loads(report.to_json())
    assert (values["recognisers"], values["linked"]) == (list(team), list(photos))
    assert [link["recogniser"] for link in values["photos"][0]["faces"][0]["links"]] == list(team)
    rows = parse(report.to_html()).rows()
    assert [row[2] for row in rows if row[0] in team][:3] == ["2 → 2 of 2", "0 → 0 of 2", "2 → 2 of 2"]


def test_a_recogniser_that_took_no_part_in_learning_is_told_apart(holiday, key):
    part = replace(key, provenance=replace(key.provenance, recognisers=("sface",), weights={}), templates={})
    report = chameleon.protect(holiday, chameleon.save_key(part, holiday.with_name("part")), refine=0, offline=True)
    assert report.measured_by == (
        "Measured on the written files by dlib-resnet, sface. "
        "The mask was learnt against sface: that says nothing about other recognisers."
    )


@pytest.mark.parametrize(
    ("name", "weights", "why"),
    [
        ("facenet-vggface2", {}, "guise models fetch facenet-vggface2"),
        ("mine", {}, "`recognisers=`"),
        ("sface", {"sface": "0" * 64}, "other weights"),
    ],
)
def test_a_surrogate_that_cannot_measure_is_named_and_stops_nothing(
    holiday, key, tmp_path, monkeypatch, name, weights, why
):
    monkeypatch.setenv("GUISE_CACHE", str(tmp_path / "cache"))
    made = replace(key.provenance, recognisers=("dlib-resnet", name), weights=weights)
    other, said = chameleon.save_key(replace(key, provenance=made), holiday.with_name("other")), []
    report = chameleon.protect(holiday, other, refine=0, offline=True, announce=said.append)
    assert report.recognisers == ("dlib-resnet",) and report.protected == ("a.jpg", "b.jpg")
    (line,) = [line for line in said if line.startswith(f"{name} does not measure the copies: ")]
    assert why in line


def test_copies_that_fewer_have_measured_are_counted_apart(holiday, key):
    log = manifest_file(key.file)
    (holiday / "b.jpg").rename(holiday.with_name("b.jpg"))
    chameleon.protect(holiday, key, refine=0, strength="low", offline=True)
    # As an older program logged it.
    entries = [json.loads(line) for line in log.read_text().splitlines()]
    for face in entries[-1]["faces"]:
        del face["links"]
    log.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    holiday.with_name("b.jpg").rename(holiday / "b.jpg")
    wider = replace(key.provenance, recognisers=("dlib-resnet", "sface"))
    chameleon.save_key(replace(key, provenance=wider), key.file)
    report = chameleon.protect(holiday, key, refine=0, strength="low", offline=True)
    assert [result.status for result in report.photos] == ["skipped", "protected"]
    assert report.still_linked == "2 of 2 by dlib-resnet, 1 of 1 by sface"


def test_file_names_cannot_put_markup_into_the_page(holiday, key):
    (holiday / "a.jpg").rename(holiday / "<script>x.jpg")
    report = chameleon.protect(holiday, key, refine=0, offline=True)
    html = report.page.read_text("utf-8")
    assert "<script>x" not in html and "&lt;script&gt;x.jpg" in html


def test_a_plan_writes_nothing(holiday, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    plan = chameleon.plan(holiday, offline=True)
    assert plan.learn and [row["protect"] for row in plan.rows] == [1, 1]
    assert sorted(tmp_path.rglob("*")) == before


def test_a_key_without_a_file_has_no_place_for_its_records(holiday, key):
    loose = replace(key, file=None)
    with pytest.raises(InputError, match="save_key"):
        chameleon.protect(holiday, loose)
    saved = chameleon.save_key(loose, str(holiday.with_name("other.guise-key")))
    assert chameleon.protect(holiday, saved, refine=0, offline=True).restore_records.parent == holiday.parent
    with pytest.raises(InputError, match="load_key"):
        chameleon.restore(holiday, loose, out=holiday.with_name("back"))


@pytest.mark.usefixtures("holiday")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"strength": "huge"}, "huge"),
        ({"preset": "mine"}, "`preset=mine`"),
        ({"seed": -1}, "`seed=-1`"),
        ({"refine": -1}, "`refine=-1`"),
        ({"device": "nonsense"}, "`device=nonsense`"),
        ({"recognisers": ["dlib-resnot"]}, "dlib-resnet"),
        ({"user_face": "recuring"}, "`user_face=recuring`"),
        ({"user_face": 3}, "`user_face=3`"),
        ({"refine": "2"}, "`refine=2`"),
        ({"refine": False}, "`refine=False`"),
        ({"patience": -1}, "`patience=-1`"),
        ({"patience": 11}, "`patience=11`"),
        ({"patience": "3"}, "`patience=3`"),
        ({"patience": True}, "`patience=True`"),
        ({"seed": "0"}, "`seed=0`"),
        ({"strength": ["mid"]}, "mid"),
        ({"recognisers": [3]}, "`recognisers=3`"),
        ({"key": "."}, "`key=.`"),
        ({"key": ""}, "`key=`"),
        ({"out": ""}, "`out=`"),
        ({"out": "holiday/copies"}, "the same or one holds the other"),
    ],
)
def test_wrong_options_are_refused_before_anything_is_written(tmp_path, monkeypatch, options, message):
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(InputError, match=re.escape(message)):
        chameleon.protect("holiday", **options)
    assert sorted(tmp_path.rglob("*")) == before


def test_faces_and_keys_that_are_not_there_have_errors_of_their_own(tmp_path):
    (tmp_path / "walls").mkdir()
    Image.new("RGB", (200, 200), "gray").save(tmp_path / "walls" / "a.png")
    with pytest.raises(FaceError, match="no face"):
        chameleon.learn(tmp_path / "walls", recognisers=["dlib-resnet"], offline=True)
    (tmp_path / "foreign").write_bytes(b"no key")
    with pytest.raises(KeyFileError):
        chameleon.protect(tmp_path / "walls", tmp_path / "foreign", offline=True)


def test_a_key_whose_file_is_gone_or_anothers_protects_nothing(holiday, key):
    other = chameleon.learn(holiday, key=holiday.with_name("other.guise-key"), recognisers="dlib-resnet", seed=1,
                            settings=FEW, offline=True)  # fmt: skip
    chameleon.save_key(other, key.file)
    with pytest.raises(KeyFileError, match="holds another key"):
        chameleon.protect(holiday, key, refine=0, offline=True)
    key.file.unlink()
    with pytest.raises(KeyFileError, match="is gone"):
        chameleon.protect(holiday, key, refine=0, offline=True)
    assert not holiday.with_name("holiday-protected").exists()


@pytest.mark.usefixtures("key")
def test_a_program_that_changes_its_folder_meanwhile_loses_nothing(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    report = chameleon.protect(
        "holiday", "holiday.guise-key", out="copies", refine=0, offline=True, on_photo=lambda _: os.chdir("/")
    )
    assert report.restore_records == tmp_path / "holiday.guise-key.restore"
    assert len(report.restore_records.read_text().splitlines()) == 2


def test_a_key_behind_a_pipe_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(KeyFileError, match="a pipe"):
        chameleon.load_key(tmp_path / "pipe")


def test_who_the_user_is_stays_out_of_logs(key):
    assert "array" not in repr(key)


def test_who_the_user_is_can_be_said_by_pointing_at_the_people_of_a_plan(holiday, astronaut, tmp_path):
    for name in ("c.png", "d.png", "e.png"):  # so wide that it is taken for another person's, who is in more photos
        astronaut.resize((420, 210)).save(holiday / name)
    plan = chameleon.plan(holiday, user_face="all", offline=True)
    assert [person.photos for person in plan.people] == [3, 2]
    user = plan.select([1])
    key = chameleon.learn(holiday, user_face=user, recognisers=["dlib-resnet"], settings=FEW, offline=True)
    assert key.provenance.photos == 2 and np.array_equal(key.selector.template.mean, user.template.mean)
    report = chameleon.protect(holiday, key, out=tmp_path / "copies", user_face=user, refine=0, offline=True)
    assert sorted(report.protected) == ["a.jpg", "b.jpg"]
    for wrong in ([], [2], [-1]):
        with pytest.raises(InputError, match="give numbers from 0 to 1"):
            plan.select(wrong)
