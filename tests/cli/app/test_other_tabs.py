"""What the page can ask of the other tabs, and of photos besides protecting them, with the workers' part by hand."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from guise.cli.app.tabs.photos import Photos
from guise.cli.app.tabs.session import Session
from guise.cli.app.tabs.tab import Tab

PLAN = {"epsilon": 0.99, "delta": 1e-5, "records": 60, "classes": 2, "phases": [], "account": None}


def ask(user: TestClient, what: str, **body: Any) -> Any:
    answer = user.post(f"/{what}", json=body)
    return answer.status_code, answer.json().get("error")


def put(user: TestClient, tab: str, name: str = "a.jpg") -> Any:
    answer = user.put(f"/{tab}/files", params={"name": name}, content=b"photo")
    return answer.status_code, answer.json().get("error")


@pytest.fixture
def synthetic(session: Session) -> Tab:
    return session.tabs["synthetic"]


@pytest.fixture
def blind(session: Session) -> Tab:
    return session.tabs["blind_spots"]


@pytest.fixture
def key(tmp_path: Path, photos_tab: Photos) -> str:
    file = tmp_path / "home" / "keys" / "me.guise-key"
    file.parent.mkdir(parents=True)
    file.write_bytes(b"")
    photos_tab._reset()
    return str(file)


def done(tab: Photos, **values: Any) -> None:
    tab.work.tell({"event": "done", "total": 1, "measured_by": "", "learnt_on": 1, "protected": 1, **values})


def test_nothing_is_spent_before_the_user_agrees(user: TestClient, synthetic: Tab, tmp_path: Path) -> None:
    assert ask(user, "synthetic/train") == (409, "not-now")
    assert ask(user, "synthetic/plan", data="digits", epsilon=1, minutes=2) == (200, None)
    assert [job["do"] for job in synthetic.work.jobs] == ["plan"]
    assert ask(user, "synthetic/train") == (409, "not-now")
    synthetic.work.tell({"event": "plan", **PLAN})
    assert synthetic.state()["plan"] == PLAN and not (tmp_path / "home" / "runs").exists()
    assert ask(user, "synthetic/train") == (200, None)
    job = synthetic.work.jobs[-1]
    assert (job["do"], job["plan"], job["epsilon"], job["resume"]) == ("train", PLAN, 1.0, False)
    assert ask(user, "synthetic/again") == (409, "not-now")


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"data": "mnist"}, "no-place"),
        ({"data": "/no/such"}, "no-place"),
        ({"data": 7}, "bad-request"),
        ({"epsilon": 0}, "bad-number"),
        ({"epsilon": None}, "bad-number"),
        ({"epsilon": True}, "bad-number"),
        ({"minutes": "2"}, "bad-number"),
    ],
)
def test_a_plan_needs_images_and_numbers(user: TestClient, synthetic: Tab, changed: Any, error: str) -> None:
    asked = {"data": "digits", "epsilon": 1, "minutes": 2}
    assert ask(user, "synthetic/plan", **(asked | changed)) == (400, error)
    assert synthetic.work.jobs == [] and synthetic.step == "choose"


def test_a_sheet_of_samples_can_be_asked_for_when_the_next_is_drawn(user: TestClient, synthetic: Tab) -> None:
    """A page that is told of a sheet asks for it some time later."""
    for name in ("samples-1.png", "samples-2.png", "untold.png"):
        (synthetic.views / name).write_bytes(name.encode())
    for name in ("samples-1.png", "samples-2.png"):
        synthetic.work.tell({"event": "samples", "picture": name})
    views = {name: user.get(f"/synthetic/view/{name}") for name in ("samples-1.png", "samples-2.png", "untold.png")}
    assert [view.status_code for view in views.values()] == [200, 200, 404]
    assert views["samples-1.png"].content == b"samples-1.png"


def test_a_run_that_was_stopped_is_there_for_another_session(user: TestClient, synthetic: Tab, tmp_path: Path) -> None:
    ask(user, "synthetic/plan", data="digits", epsilon=1, minutes=2)
    synthetic.work.tell({"event": "plan", **PLAN})
    ask(user, "synthetic/train")
    out = tmp_path / "home" / "runs" / "digits"
    out.mkdir()
    (out / "run.json").write_text("{}")
    synthetic.work.tell({"event": "stopped"})
    assert synthetic.step == "stopped" and ask(user, "synthetic/resume") == (200, None)
    assert synthetic.work.jobs[-1]["resume"] is True
    synthetic.work.tell({"event": "stopped"})
    assert ask(user, "synthetic/again") == (200, None) and synthetic.state()["runs"] == ["digits"]
    assert ask(user, "synthetic/open", name="../keys") == (400, "no-run")
    assert ask(user, "synthetic/open", name="digits") == (200, None)
    synthetic.work.tell({"event": "open"})
    assert ask(user, "synthetic/resume") == (200, None)
    job = synthetic.work.jobs[-1]
    assert (job["data"], job["plan"], job["out"]) == ("digits", PLAN, str(out))
    assert (out.parent / "digits.json").stat().st_mode & 0o077 == 0


def test_a_model_and_a_photo_are_needed(user: TestClient, blind: Tab) -> None:
    assert ask(user, "blind_spots/inspect", model=" ") == (400, "no-model")
    assert ask(user, "blind_spots/fill", target="noise") == (409, "not-now")
    assert ask(user, "blind_spots/inspect", model="guise-vit", shape="3x112x112") == (200, None)
    assert put(user, "blind_spots") == (409, "not-now")
    blind.work.tell({"event": "space", "rows": [], "shape": [], "model": ""})
    assert ask(user, "blind_spots/fill", target="noise") == (400, "no-photo")
    assert put(user, "blind_spots", "../a.jpg") == (400, "bad-name")
    assert put(user, "blind_spots") == put(user, "blind_spots", "b.jpg") == (200, None)
    assert ask(user, "blind_spots/fill", target="/etc/passwd") == (400, "bad-request")
    assert ask(user, "blind_spots/fill", target="noise") == (200, None)
    job = blind.work.jobs[-1]
    assert (job["model"], job["input"], Path(job["photo"]).name) == ("guise-vit", "3x112x112", "b.jpg")
    blind.work.tell({"event": "failed", "text": "no"})
    assert (blind.step, blind.state()["error"]) == ("inspected", "no")
    assert user.get("/blind_spots/files.zip").status_code == 404


@pytest.mark.parametrize("tab", ["synthetic", "blind_spots", "photos"])
def test_only_what_is_an_action_can_be_asked(user: TestClient, tab: str) -> None:
    for name in ("receive", "files", "_begin", "__init__", "state"):
        assert user.post(f"/{tab}/{name}", json={}).status_code in (404, 405)
    assert user.post(f"/{tab}/stop", json={"x": 1}).json() == {"error": "bad-request"}


def test_a_known_key_protects_new_photos_at_once(user: TestClient, photos_tab: Photos, key: str) -> None:
    assert [known["name"] for known in photos_tab.state()["keys"]] == ["me"]
    assert ask(user, "photos/at_once", key=key, strength="low") == (400, "no-photos")
    assert put(user, "photos") == (200, None)
    for wrong in ("/etc/passwd", [key], None):
        assert ask(user, "photos/at_once", key=wrong, strength="low") == (400, "no-key")
    assert ask(user, "photos/at_once", key=key, strength="low") == (200, None)
    job = photos_tab.work.jobs[-1]
    assert (job["do"], job["key"], job["chosen"], job["strength"]) == ("protect", key, [], "low")
    done(photos_tab)
    assert ask(user, "photos/again", same_key=True) == (200, None)
    assert photos_tab.state()["ready"] == {"key": key, "strength": "low"}


def test_the_mask_comes_off_the_copies_of_the_job_or_of_a_folder(
    user: TestClient, photos_tab: Photos, key: str, tmp_path: Path
) -> None:
    folder = tmp_path / "trip-protected"
    folder.mkdir()
    assert ask(user, "photos/restore", folder=str(folder), key="other") == (400, "no-key")
    assert ask(user, "photos/restore", folder=str(folder), key=key) == (200, None)
    job = photos_tab.work.jobs[-1]
    assert (job["do"], job["out"], job["key"]) == ("restore", str(tmp_path / "trip-restored"), key)
    done(photos_tab, restored=1, exact=1)
    ask(user, "photos/again")
    put(user, "photos")
    ask(user, "photos/at_once", key=key, strength="mid")
    copies = photos_tab.state()["out"]
    done(photos_tab)
    assert ask(user, "photos/restore") == (200, None)
    job = photos_tab.work.jobs[-1]
    assert (job["folder"], job["key"]) == (copies, key)
    assert job["out"] == str(tmp_path / "home" / "restored" / "protected")


def test_a_preview_needs_a_key_of_the_chosen(user: TestClient, photos_tab: Photos, key: str) -> None:
    put(user, "photos")
    ask(user, "photos/look")
    people = [{"photos": 1, "key": key}, {"photos": 1, "key": None}]
    photos_tab.work.tell({"event": "people", "people": people, "more": 0, "failures": [], "without": 0, "total": 1})
    assert ask(user, "photos/preview", chosen=[1], strength="mid") == (400, "no-key")
    assert ask(user, "photos/preview", chosen=[0], strength="high") == (200, None)
    assert photos_tab.work.jobs[-1]["strengths"] == ["high", "low", "mid"]
    told: dict[str, Any] = {"strength": "high", "photo": "a.jpg", "view": "preview-1-high", "why": "", "at": [0.5, 0.5]}
    told["chosen"] = [0]
    photos_tab.work.tell({"event": "preview", **told, "chosen": [1]})  # they had chosen somebody else
    assert photos_tab.state()["previews"] == {}
    photos_tab.work.tell({"event": "preview", **told})
    assert photos_tab.state()["previews"] == {"high": told} and photos_tab.step == "people"
    (photos_tab.views / "preview-1-high-after.jpg").write_bytes(b"seen")
    assert user.get("/photos/view/preview-1-high-after.jpg").content == b"seen"


def test_an_unfinished_job_is_remembered_until_it_is_done(
    user: TestClient, photos_tab: Photos, key: str, tmp_path: Path
) -> None:
    notes = tmp_path / "home" / "unfinished.json"
    put(user, "photos")
    ask(user, "photos/at_once", key=key, strength="low")
    assert notes.stat().st_mode & 0o077 == 0
    first = json.loads(notes.read_text())
    Path(first["out"]).mkdir(parents=True)
    photos_tab.uploads.clear()  # as another run of the command finds it
    photos_tab.step, photos_tab._pace = "choose", None
    photos_tab._reset()
    assert photos_tab.state()["unfinished"] == first and ask(user, "photos/go_on") == (409, "not-now")
    put(user, "photos")  # the same photo again
    assert ask(user, "photos/go_on") == (200, None) and photos_tab.state()["out"] == first["out"]
    assert photos_tab.state()["strength"] == "low"
    photos_tab.work.tell({"event": "stopped"})
    put(user, "photos", "b.jpg")  # another set of photos is another job
    assert ask(user, "photos/at_once", key=key, strength="low") == (200, None)
    assert photos_tab.state()["out"] != first["out"]
    done(photos_tab)
    assert not notes.exists()


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"folder": 1, "dropped": "", "out": "", "strength": ""}', "[" * 9999]
)
def test_a_note_that_is_damaged_is_none(photos_tab: Photos, tmp_path: Path, text: str) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "unfinished.json").write_text(text)
    photos_tab._reset()
    assert photos_tab.state()["unfinished"] is None


def test_a_link_in_the_place_of_a_copy_is_not_sent(
    user: TestClient, photos_tab: Photos, key: str, tmp_path: Path
) -> None:
    put(user, "photos")
    ask(user, "photos/at_once", key=key, strength="low")
    out = Path(photos_tab.state()["out"])
    out.mkdir(parents=True)
    (tmp_path / "secret").write_bytes(b"secret")
    (out / "a.jpg").symlink_to(tmp_path / "secret")
    told = {"photo": "a.jpg", "path": "a.jpg", "status": "protected", "view": None}
    photos_tab.work.tell({"event": "photo", **told})
    assert user.get("/photos/files.zip").status_code == 404
