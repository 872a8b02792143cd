"""What the worker process does, with the real networks: people are told apart, copies are made and shown."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps

from guise.cli.app.worker.photos import PhotoJobs
from guise.cli.app.worker.words import as_text, discreet
from guise.models.errors import FaceError, OutputError
from tests.cli.command_line import hashes


@pytest.fixture
def two(photos: Path, head: Image.Image) -> Path:
    """Two photos of the user, one of somebody else, and a file that is none."""
    head.save(photos / "a.png")
    ImageOps.mirror(head).save(photos / "b.png")
    head.resize((420, 210)).save(photos / "other.png")  # so wide that it is taken for another person's
    (photos / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    return photos


@pytest.fixture
def job(two: Path, out: Path, key: Path, tmp_path: Path) -> dict[str, Any]:
    (tmp_path / "views").mkdir()
    keys = {"keys": [str(key)], "new_key": str(tmp_path / "new" / "me.guise-key"), "key": str(key)}
    how = {"recognisers": ["dlib-resnet"], "refine": 0, "patience": 0, "learning_steps": 1, "strength": "mid"}
    return {
        "folder": str(two),
        "out": str(out),
        "views": str(tmp_path / "views"),
        "private": str(tmp_path / "session"),
        "device": "cpu",
        **keys,
        **how,
    }


class Told(list[dict[str, Any]]):
    def __call__(self, event: str, **values: Any) -> None:
        self.append(json.loads(json.dumps({"event": event, **values})))

    def all(self, event: str) -> list[dict[str, Any]]:
        return [told for told in self if told["event"] == event]


def test_people_are_shown_with_their_photos_and_their_keys(job, two):
    told, before = Told(), hashes(two)
    PhotoJobs(told).do({**job, "do": "look"})
    (seen,) = told.all("people")
    assert [person["photos"] for person in seen["people"]] == [2, 1] and seen["total"] == 4
    assert [person["key"] for person in seen["people"]] == [job["key"], None]
    assert [failure["photo"] for failure in seen["failures"]] == ["torn.jpg"]
    for number in range(2):
        with Image.open(Path(job["views"]) / f"person-{number}.jpg") as picture:
            assert max(picture.size) <= 192 and not picture.getexif()
    assert told.all("progress")[-1]["what"] == "looking for faces" and hashes(two) == before
    assert not Path(job["out"]).exists() and not Path(job["new_key"]).parent.exists()


def test_the_chosen_get_a_new_mask_and_others_none(job, out):
    told = Told()
    jobs = PhotoJobs(told)
    jobs.do({**job, "do": "look"})
    protect = {**job, "do": "protect", "chosen": [0], "selector": None, "key": job["new_key"]}
    jobs.do(protect)
    photos = {photo["photo"]: photo for photo in told.all("photo")}
    statuses = {name: photo["status"] for name, photo in photos.items()}
    assert statuses == {"a.png": "protected", "b.png": "protected", "other.png": "no face", "torn.jpg": "failed"}
    views = [Path(job["views"]) / f"{photos['a.png']['view']}-{side}.jpg" for side in ("before", "after")]
    before, after = (np.asarray(Image.open(file)).astype(int) for file in views)
    assert before.shape == after.shape == (270, 270, 3) and np.abs(before - after).max() > 8
    assert photos["other.png"]["view"] is None and photos["other.png"]["reason"] == "its one face is not yours"
    assert photos["torn.jpg"]["view"] is None and photos["torn.jpg"]["reason"].startswith(
        "cannot read torn.jpg: it is damaged"
    )
    (done,) = told.all("done")
    assert (done["protected"], done["total"]) == (2, 4) and done["learnt_on"] == 2
    protecting = [step["done"] for step in told.all("progress") if step["what"] == "protecting"]
    assert protecting[0] == 0 and protecting[-4:] == [1, 2, 3, 4]
    assert "learning the mask" in {step["what"] for step in told.all("progress")}

    (selector,) = told.all("selector")
    files = hashes(out)
    told.clear()  # another process goes on, which has not looked
    PhotoJobs(told).do({**protect, "selector": {"mean": selector["mean"], "threshold": selector["threshold"]}})
    assert sorted(photo["status"] for photo in told.all("photo")) == ["failed", "no face", "skipped", "skipped"]
    assert hashes(out) == files
    assert [photo["view"] for photo in told.all("photo")] == [
        photos[photo["photo"]]["view"] for photo in told.all("photo")
    ]


def test_with_a_known_key_finished_copies_stay_when_photos_join(job, two, out, head):
    (two / "other.png").unlink()
    (two / "b.png").unlink()
    told = Told()
    protect = {**job, "do": "protect", "chosen": [0], "selector": None}
    PhotoJobs(told).do(protect)
    files = hashes(out)
    head.crop((9, 0, 262, 262)).save(two / "new.png")
    told.clear()
    PhotoJobs(told).do(protect)
    assert {photo["photo"]: photo["status"] for photo in told.all("photo")}["a.png"] == "skipped"
    assert {name: digest for name, digest in hashes(out).items() if name in files} == files and len(hashes(out)) == 2


def test_a_preview_shows_the_known_mask_at_each_strength(job, two):
    told, before = Told(), hashes(two)
    jobs = PhotoJobs(told)
    jobs.do({**job, "do": "look"})
    jobs.do({**job, "do": "preview", "chosen": [0], "strengths": ["high", "low"]})
    shown = {preview["strength"]: preview for preview in told.all("preview")}
    assert list(shown) == ["high", "low"] and {preview["photo"] for preview in shown.values()} <= {"a.png", "b.png"}
    sides = {
        (strength, side): np.asarray(Image.open(Path(job["views"]) / f"{preview['view']}-{side}.jpg")).astype(int)
        for strength, preview in shown.items()
        for side in ("before", "after")
    }
    change = {strength: np.abs(sides[strength, "after"] - sides[strength, "before"]).mean() for strength in shown}
    assert change["high"] > change["low"] > 0
    assert all(0.2 < part < 0.8 for part in shown["low"]["at"])
    assert hashes(two) == before and not Path(job["out"]).exists()


def test_a_key_protects_new_photos_and_its_mask_comes_off_again(job, two, out, tmp_path):
    (two / "other.png").unlink()
    (two / "torn.jpg").unlink()
    told = Told()
    jobs = PhotoJobs(told)
    jobs.do({**job, "do": "protect", "chosen": [], "selector": None})
    assert told.all("people") == [] and told.all("done")[0]["protected"] == 2
    copies = hashes(out)
    told.clear()
    back = tmp_path / "back"
    jobs.do({**job, "do": "restore", "folder": str(out), "out": str(back)})
    assert told.all("done") == [{"event": "done", "restored": 2, "exact": 2, "total": 2}]
    assert {photo["status"] for photo in told.all("photo")} == {"exact"}
    for name in ("a.png", "b.png"):
        assert (np.asarray(Image.open(back / name)) == np.asarray(Image.open(two / name))).all()
    assert hashes(out) == copies


def test_photos_without_a_face_are_an_error_in_words(job, two):
    shutil.rmtree(two)
    two.mkdir()
    Image.new("RGB", (80, 80), "gray").save(two / "wall.png")
    with pytest.raises(FaceError, match="no face was found"):
        PhotoJobs(Told()).do({**job, "do": "look"})


def test_advice_for_the_command_line_is_left_out():
    note = "1 more of its faces may be the user's and got no mask: see `user_face=all`"
    assert as_text(note, Path("/photos")) == "1 more of its faces may be yours and got no mask"
    assert as_text("none of its 4 pictures shows the user's face", Path("/photos")).endswith("shows your face")
    assert as_text("its one face is not the user's", Path("/photos")) == "its one face is not yours"
    assert as_text("choose a higher `strength=`", Path("/photos")) == "choose a higher strength"
    assert as_text("put it on with `refine=0`", Path("/photos")) == "put it on with --refine 0"
    assert as_text("cannot read /photos/a.jpg: it is damaged", Path("/photos")) == "cannot read a.jpg: it is damaged"


def test_private_places_are_not_named():
    full = "cannot write /tmp/guise-x/photos-views/a.jpg: no space left; free some space there"
    assert discreet(full, "/my/photos", "/tmp/guise-x").startswith("cannot write a temporary file: no space left;")
    dropped = "no photos in /tmp/guise-x/photos: its 2 files are none"
    assert discreet(dropped, "/tmp/guise-x/photos", "/tmp/guise-x").startswith("no photos in what you dropped: its")
    torn = "cannot read /tmp/guise-x/blind-photo/photos/torn.png: it is no photo"
    assert discreet(torn, "", "/tmp/guise-x") == "cannot read torn.png: it is no photo"
    assert discreet("no photos in /my/photos", "/my/photos", "/tmp/guise-x") == "no photos in /my/photos"


def test_copies_are_made_where_there_is_no_space_to_show_them(job, out, monkeypatch):
    def full(_: np.ndarray, file: Path, **_size: int) -> None:
        raise OutputError(f"cannot write {file}: No space left on device")

    monkeypatch.setattr("guise.cli.app.worker.photos.draw", full)
    told = Told()
    PhotoJobs(told).do({**job, "do": "protect", "chosen": [], "selector": None})
    (done,) = told.all("done")
    photos = {photo["photo"]: photo for photo in told.all("photo")}
    assert done["protected"] == 2 and (out / "a.png").exists()
    assert photos["a.png"]["unshown"] and photos["a.png"]["view"] is None and not photos["torn.jpg"]["unshown"]


def test_a_worker_says_what_went_wrong_and_ends_with_its_server(job, tmp_path):
    private = tmp_path / "session"
    private.mkdir()
    lines = json.dumps({**job, "do": "look", "folder": str(private / "photos"), "private": str(private)}) + "\n"
    command = [sys.executable, "-P", "-m", "guise.cli.app.worker", "photos"]
    ran = subprocess.run(command, input=lines, capture_output=True, text=True, check=False, timeout=200)
    ready, *events = [json.loads(line) for line in ran.stdout.splitlines()]
    assert ran.returncode == 0 and ran.stderr == "" and ready == {"event": "ready"}
    # Its input has ended, so it may be told to stop before it has looked.
    assert events in ([{"event": "stopped"}], [{"event": "failed", "text": events[0].get("text")}])
    assert str(private) not in str(events) and not private.exists()


def test_a_stop_before_the_worker_is_ready_is_answered_once(job, tmp_path):
    command = [sys.executable, "-P", "-m", "guise.cli.app.worker", "photos"]
    private = tmp_path / "session"
    private.mkdir()
    look = {**job, "do": "look", "folder": str(tmp_path / "nothing"), "private": str(private)}
    lines = [look, look, {"do": "stop"}]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as worker:
        worker.stdin.write("".join(json.dumps(line) + "\n" for line in lines))
        worker.stdin.flush()
        assert json.loads(worker.stdout.readline()) == {"event": "ready"}
        assert json.loads(worker.stdout.readline()) == {"event": "stopped"}
        worker.stdin.write(json.dumps(look) + "\n")  # it goes on working
        worker.stdin.flush()
        failed = json.loads(worker.stdout.readline())
        assert failed["event"] == "failed" and "nothing" in failed["text"]
        assert worker.communicate(timeout=200)[0] == "" and worker.returncode == 0
