"""What the page can ask for, and what it is refused, with the worker's part played by hand."""

from __future__ import annotations

import asyncio
import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from guise.cli.app.server.archive import zipped
from guise.cli.app.tabs.photos import Photos

SCRIPT = "<script>alert(1)</script>.jpg"


def put(user: TestClient, name: str, data: bytes = b"photo") -> Any:
    answer = user.put("/photos/files", params={"name": name}, content=data)
    return answer.status_code, answer.json().get("error")


def kept(photos_tab: Photos) -> dict[str, bytes]:
    folder = photos_tab.uploads.folder
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def ask(user: TestClient, what: str, **body: Any) -> Any:
    answer = user.post(f"/photos/{what}", json=body)
    return answer.status_code, answer.json().get("error")


def photo(name: str, status: str = "protected", view: str | None = None) -> dict[str, Any]:
    told = {"event": "photo", "photo": name, "path": name, "status": status, "view": view, "reason": "", "notes": []}
    return {**told, "recognisers": ["dlib-resnet"], "linked_by": []}


@pytest.fixture
def looked(user: TestClient, photos_tab: Photos) -> Photos:
    """Two people were found on a dropped photo."""
    assert put(user, "a.jpg") == (200, None) and ask(user, "look") == (200, None)
    people = [{"photos": 1, "key": None}, {"photos": 1, "key": None}]
    photos_tab.work.tell({"event": "people", "people": people, "more": 0, "failures": [], "without": 0, "total": 1})
    return photos_tab


def test_dropped_photos_keep_their_tree_and_names(user: TestClient, photos_tab: Photos) -> None:
    assert put(user, "trip/a.jpg", b"one") == (200, None)
    assert put(user, "trip/a.jpg", b"two") == (200, None)
    assert put(user, SCRIPT.replace("/", ""), b"three") == (200, None)
    assert kept(photos_tab) == {"trip/a.jpg": b"one", "trip/a-2.jpg": b"two", "<script>alert(1)<script>.jpg": b"three"}
    assert photos_tab.state()["chosen"] == {"photos": 3, "bytes": 11}


@pytest.mark.parametrize(
    "name",
    [
        "",
        "..",
        "../a.jpg",
        "a/../../b.jpg",
        "/etc/passwd",
        "a//b",
        "a\\b.jpg",
        "C:/a.jpg",
        "a\0b",
        "./a",
        "a/" * 40 + "b",
        "n" * 300,
    ],
)
def test_names_that_lead_elsewhere_are_refused(user: TestClient, photos_tab: Photos, name: str, tmp_path: Path) -> None:
    assert put(user, name) == (400, "bad-name")
    assert kept(photos_tab) == {} and not list(tmp_path.rglob("*.jpg")) and photos_tab.state()["chosen"]["bytes"] == 0


def test_limits_are_said_and_nothing_over_them_is_kept(user: TestClient, photos_tab: Photos) -> None:
    assert put(user, "large.jpg", b"x" * 1001) == (413, "too-large")
    assert put(user, "a.jpg", b"x" * 1000) == put(user, "b.jpg", b"x" * 1000) == (200, None)
    assert put(user, "c.jpg", b"x" * 501) == (413, "too-much")
    assert put(user, "c.jpg", b"x" * 500) == (200, None)
    assert put(user, "d.jpg", b"") == (413, "too-many")
    assert sorted(kept(photos_tab)) == ["a.jpg", "b.jpg", "c.jpg"]
    assert list((photos_tab.uploads.folder.parent / "incoming").iterdir()) == []


@pytest.mark.parametrize(
    "path",
    [
        "/photos/view/../routes.py",
        "/photos/view/..%2f..%2fphotos%2fa.jpg",
        "/static/../__init__.py",
        "/static/%2e%2e/x",
        "/photos/view/person-9.jpg",
    ],
)
def test_nothing_else_is_served(user: TestClient, looked: Photos, path: str) -> None:
    (looked.views / "other.jpg").write_bytes(b"no picture of this session's")
    assert user.get(path).status_code in (404, 405)  # 405: actions are asked for by POST
    assert user.get("/photos/view/other.jpg").status_code == 404


def test_pictures_of_the_session_are_served(user: TestClient, looked: Photos) -> None:
    (looked.views / "person-1.jpg").write_bytes(b"face")
    answer = user.get("/photos/view/person-1.jpg")
    assert answer.content == b"face" and answer.headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize(
    "folder", ["", "relative", "/no/such/folder", "~no-such-user/a", "/" + "n" * 300, __file__, "\0", 7, ["/"]]
)
def test_a_folder_must_be_one(user: TestClient, photos_tab: Photos, folder: Any) -> None:
    assert ask(user, "look", folder=folder)[0] == 400
    assert photos_tab.step == "choose" and photos_tab.work.jobs == []


def test_a_named_folder_gets_its_copies_next_to_it(user: TestClient, photos_tab: Photos, tmp_path: Path) -> None:
    folder = tmp_path / "holiday"
    folder.mkdir()
    (tmp_path / "holiday.guise-key").write_bytes(b"")
    assert ask(user, "look", folder=f" {folder} ") == (200, None)
    (job,) = photos_tab.work.jobs
    assert job["out"] == str(tmp_path / "holiday-protected") and job["keys"] == [str(tmp_path / "holiday.guise-key")]


@pytest.mark.parametrize("chosen", [[], [2], [-1], ["0"], [True], None, "0", {}])
def test_somebody_who_is_there_must_be_chosen(user: TestClient, looked: Photos, chosen: Any) -> None:
    assert ask(user, "protect", chosen=chosen, strength="mid")[0] == 400
    assert ask(user, "protect", chosen=[0], strength="none")[0] == 400
    assert looked.step == "people"


def test_what_is_picked_outlives_a_reload(user: TestClient, looked: Photos) -> None:
    assert looked.state()["picked"] == [0]
    for chosen in ([1, 0], []):
        assert ask(user, "pick", chosen=chosen, strength="high") == (200, None)
        assert (looked.state()["picked"], looked.state()["strength"]) == (chosen, "high")
    for chosen in ([2], [True], "0", None):
        assert ask(user, "pick", chosen=chosen, strength="low")[0] == 400
    assert ask(user, "pick", chosen=[1], strength="none")[0] == 400
    assert (looked.state()["picked"], looked.state()["strength"]) == ([], "high")
    people = [{"photos": 1, "key": None}, {"photos": 1, "key": "me"}]
    looked.work.tell({"event": "people", "people": people, "more": 0, "failures": [], "without": 0, "total": 1})
    assert looked.state()["picked"] == []  # a new process looked again


@pytest.mark.parametrize("body", [b"[]", b'{"folder": null, "x": 1}', b"\xff", b"[" * 60_000, b'"' + b"x" * 70_000])
def test_a_body_that_is_no_request_is_refused(user: TestClient, body: bytes) -> None:
    assert user.post("/photos/look", content=body).json() == {"error": "bad-request"}


def test_steps_come_in_their_order(user: TestClient, photos_tab: Photos) -> None:
    assert ask(user, "look") == (400, "no-photos")
    for what in ("protect", "preview"):
        assert ask(user, what, chosen=[0], strength="mid") == (409, "not-now")
    assert ask(user, "resume") == ask(user, "go_on") == (409, "not-now")
    assert user.get("/photos/files.zip").status_code == 404 and ask(user, "reveal") == (404, "no-copies")
    assert put(user, "a.jpg") == ask(user, "look") == (200, None)
    assert put(user, "b.jpg") == ask(user, "look") == ask(user, "again") == (409, "not-now")
    assert photos_tab.step == "looking"


def test_stopped_and_gone_on_it_does_the_same_job(user: TestClient, looked: Photos) -> None:
    assert ask(user, "protect", chosen=[1], strength="low") == (200, None)
    selector = {"mean": [0.5], "threshold": 0.6}
    looked.work.tell({"event": "selector", **selector})
    looked.work.tell({"event": "progress", "what": "protecting", "done": 1, "total": 2})
    looked.work.tell(photo("a.jpg"))
    assert ask(user, "stop") == (200, None) and looked.state()["progress"]["what"] == "stopping"
    looked.work.tell({"event": "stopped"})
    assert (looked.step, looked.state()["error"]) == ("stopped", "")
    assert ask(user, "resume") == (200, None) and looked._feed.photos == []
    first, again = (job for job in looked.work.jobs if job["do"] == "protect")
    assert again == {**first, "selector": selector} and again["chosen"] == [1] and again["key"].endswith("me.guise-key")


@pytest.mark.parametrize(
    ("event", "error"), [({"event": "failed", "text": "no"}, "no"), ({"event": "gone", "code": -9}, "gone")]
)
def test_a_job_that_fails_says_why_and_can_go_on(user: TestClient, looked: Photos, event: Any, error: str) -> None:
    ask(user, "protect", chosen=[0], strength="mid")
    looked.work.tell(dict(event))
    assert (looked.step, looked.state()["error"]) == ("stopped", error)
    begun = looked.state()["begun"]
    assert ask(user, "resume") == (200, None) and looked.state()["error"] == ""
    looked.work.tell(dict(event))
    assert looked.state()["begun"] == begun + 1  # so that the page says the same again


def test_starting_over_deletes_what_was_dropped_and_keeps_the_copies(user: TestClient, looked: Photos) -> None:
    ask(user, "protect", chosen=[0], strength="mid")
    out = Path(looked.state()["out"])
    out.mkdir(parents=True)
    (out / "a.jpg").write_bytes(b"copy")
    looked.work.tell(photo("a.jpg"))
    looked.work.tell(photo("b.jpg", "failed"))
    looked.work.tell({"event": "done", "protected": 1, "total": 2, "measured_by": "", "learnt_on": 1})
    with zipfile.ZipFile(io.BytesIO(user.get("/photos/files.zip").content)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {"a.jpg": b"copy"}
    assert ask(user, "again") == (200, None)
    assert kept(looked) == {} and (out / "a.jpg").exists() and looked.step == "choose" and looked.files() == []
    assert put(user, "b.jpg") == ask(user, "look") == (200, None)
    assert looked.state()["out"] == f"{out}-2"  # copies of another job


def test_a_page_gets_the_state_at_once_and_each_photo_once(photos_tab: Photos) -> None:
    async def seen() -> list[Any]:
        photos_tab._feed.photos += [photo(f"{number}.jpg") for number in range(450)]
        messages = photos_tab._feed.messages(lambda: False)
        first = [await anext(messages) for _ in range(3)]
        photos_tab._feed.photos.append(photo("last.jpg"))
        photos_tab._feed.changed()
        last = await anext(messages)
        photos_tab._feed.restart()
        return [*first, last, await anext(messages)]

    told = [(message["from"], len(message["photos"])) for message in asyncio.run(seen())]
    assert told == [(0, 200), (200, 200), (400, 50), (450, 1), (0, 0)]


def test_a_page_that_listens_again_gets_the_rest_only(photos_tab: Photos) -> None:
    feed = photos_tab._feed
    feed.photos += [photo(f"{number}.jpg") for number in range(10)]

    async def first(run: int, sent: int) -> tuple[int, int]:
        message = await anext(feed.messages(lambda: False, run=run, sent=sent))
        return message["from"], len(message["photos"])

    assert asyncio.run(first(feed.run, 7)) == (7, 3)
    assert asyncio.run(first(feed.run, 99)) == (10, 0)
    assert asyncio.run(first(feed.run, -5)) == asyncio.run(first(feed.run - 1, 7)) == (0, 10)


def test_a_zip_leaves_out_what_is_gone(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 300_000)
    data = b"".join(zipped([("sub/ä.jpg", tmp_path / "a"), ("gone", tmp_path / "b")]))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["sub/ä.jpg"] and archive.testzip() is None
