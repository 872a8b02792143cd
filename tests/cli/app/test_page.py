"""What the page can ask for, and what it is refused, with the worker's part played by hand."""

from __future__ import annotations

import asyncio
import io
import json
import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from guise.cli.app.archive import zipped
from guise.cli.app.session import Session

STATIC = Path(__file__).parents[3] / "cli" / "app" / "static"
SCRIPT = "<script>alert(1)</script>.jpg"


def put(user: TestClient, name: str, data: bytes = b"photo") -> Any:
    answer = user.put("/photos", params={"name": name}, content=data)
    return answer.status_code, answer.json().get("error")


def kept(session: Session) -> dict[str, bytes]:
    folder = session.uploads.folder
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def ask(user: TestClient, what: str, **body: Any) -> Any:
    answer = user.post(f"/{what}", json=body)
    return answer.status_code, answer.json().get("error")


def photo(name: str, status: str = "protected", view: str | None = None) -> dict[str, Any]:
    told = {"event": "photo", "photo": name, "path": name, "status": status, "view": view, "reason": "", "notes": []}
    return {**told, "recognisers": ["dlib-resnet"], "linked_by": []}


@pytest.fixture
def looked(user: TestClient, session: Session) -> Session:
    """Two people were found on a dropped photo."""
    assert put(user, "a.jpg") == (200, None) and ask(user, "look") == (200, None)
    people = [{"photos": 1, "key": None}, {"photos": 1, "key": None}]
    session.work.tell({"event": "people", "people": people, "more": 0, "failures": [], "without": 0, "total": 1})
    return session


def test_dropped_photos_keep_their_tree_and_names(user: TestClient, session: Session) -> None:
    assert put(user, "trip/a.jpg", b"one") == (200, None)
    assert put(user, "trip/a.jpg", b"two") == (200, None)
    assert put(user, SCRIPT.replace("/", ""), b"three") == (200, None)
    assert kept(session) == {"trip/a.jpg": b"one", "trip/a-2.jpg": b"two", "<script>alert(1)<script>.jpg": b"three"}
    assert session.state()["chosen"] == {"photos": 3, "bytes": 11}


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
def test_names_that_lead_elsewhere_are_refused(user: TestClient, session: Session, name: str, tmp_path: Path) -> None:
    assert put(user, name) == (400, "bad-name")
    assert kept(session) == {} and not list(tmp_path.rglob("*.jpg")) and session.state()["chosen"]["bytes"] == 0


def test_limits_are_said_and_nothing_over_them_is_kept(user: TestClient, session: Session) -> None:
    assert put(user, "large.jpg", b"x" * 1001) == (413, "too-large")
    assert put(user, "a.jpg", b"x" * 1000) == put(user, "b.jpg", b"x" * 1000) == (200, None)
    assert put(user, "c.jpg", b"x" * 501) == (413, "too-much")
    assert put(user, "c.jpg", b"x" * 500) == (200, None)
    assert put(user, "d.jpg", b"") == (413, "too-many")
    assert sorted(kept(session)) == ["a.jpg", "b.jpg", "c.jpg"]
    assert list((session.uploads.folder.parent / "incoming").iterdir()) == []


@pytest.mark.parametrize(
    "path",
    [
        "/view/../routes.py",
        "/view/..%2f..%2fphotos%2fa.jpg",
        "/static/../__init__.py",
        "/static/%2e%2e/x",
        "/view/person-9",
    ],
)
def test_nothing_else_is_served(user: TestClient, looked: Session, path: str) -> None:
    (looked.views / "other.jpg").write_bytes(b"no picture of this session's")
    assert user.get(path).status_code == user.get("/view/other").status_code == 404


def test_pictures_of_the_session_are_served(user: TestClient, looked: Session) -> None:
    (looked.views / "person-1.jpg").write_bytes(b"face")
    answer = user.get("/view/person-1")
    assert answer.content == b"face" and answer.headers["content-type"] == "image/jpeg"


@pytest.mark.parametrize(
    "folder", ["", "relative", "/no/such/folder", "~no-such-user/a", "/" + "n" * 300, __file__, "\0", 7, ["/"]]
)
def test_a_folder_must_be_one(user: TestClient, session: Session, folder: Any) -> None:
    assert ask(user, "look", folder=folder)[0] == 400
    assert session.step == "choose" and session.work.jobs == []


def test_a_named_folder_gets_its_copies_next_to_it(user: TestClient, session: Session, tmp_path: Path) -> None:
    folder = tmp_path / "holiday"
    folder.mkdir()
    (tmp_path / "holiday.guise-key").write_bytes(b"")
    assert ask(user, "look", folder=f" {folder} ") == (200, None)
    (job,) = session.work.jobs
    assert job["out"] == str(tmp_path / "holiday-protected") and job["keys"] == [str(tmp_path / "holiday.guise-key")]


@pytest.mark.parametrize("chosen", [[], [2], [-1], ["0"], [True], None, "0", {}])
def test_somebody_who_is_there_must_be_chosen(user: TestClient, looked: Session, chosen: Any) -> None:
    assert ask(user, "protect", chosen=chosen, strength="mid")[0] == 400
    assert ask(user, "protect", chosen=[0], strength="none")[0] == 400
    assert looked.step == "people"


@pytest.mark.parametrize("body", [b"", b"[]", b"\xff", b"[" * 60_000, b'"' + b"x" * 70_000])
def test_a_body_that_is_no_request_is_refused(user: TestClient, body: bytes) -> None:
    assert user.post("/look", content=body).json() == {"error": "bad-request"}


def test_steps_come_in_their_order(user: TestClient, session: Session) -> None:
    assert ask(user, "look") == (400, "no-photos")
    for what in ("protect", "resume"):
        assert ask(user, what, chosen=[0], strength="mid") == (409, "not-now")
    assert user.get("/copies.zip").status_code == 404 and ask(user, "reveal") == (404, "no-copies")
    assert put(user, "a.jpg") == ask(user, "look") == (200, None)
    assert put(user, "b.jpg") == ask(user, "look") == ask(user, "again") == (409, "not-now")
    assert session.step == "looking"


def test_stopped_and_gone_on_it_does_the_same_job(user: TestClient, looked: Session) -> None:
    assert ask(user, "protect", chosen=[1], strength="low") == (200, None)
    selector = {"mean": [0.5], "threshold": 0.6}
    looked.work.tell({"event": "selector", **selector})
    looked.work.tell({"event": "progress", "what": "protecting", "done": 1, "total": 2})
    looked.work.tell(photo("a.jpg"))
    assert ask(user, "stop") == (200, None) and looked.state()["progress"]["what"] == "stopping"
    looked.work.tell({"event": "stopped"})
    assert (looked.step, looked.state()["error"]) == ("stopped", "")
    assert ask(user, "resume") == (200, None) and looked.feed.photos == []
    first, again = (job for job in looked.work.jobs if job["do"] == "protect")
    assert again == {**first, "selector": selector} and again["chosen"] == [1] and again["key"].endswith("me.guise-key")


@pytest.mark.parametrize(
    ("event", "error"), [({"event": "failed", "text": "no"}, "no"), ({"event": "gone", "code": -9}, "gone")]
)
def test_a_job_that_fails_says_why_and_can_go_on(user: TestClient, looked: Session, event: Any, error: str) -> None:
    ask(user, "protect", chosen=[0], strength="mid")
    looked.work.tell(event)
    assert (looked.step, looked.state()["error"]) == ("stopped", error)
    assert ask(user, "resume") == (200, None) and looked.state()["error"] == ""


def test_starting_over_deletes_what_was_dropped_and_keeps_the_copies(user: TestClient, looked: Session) -> None:
    ask(user, "protect", chosen=[0], strength="mid")
    out = Path(looked.state()["out"])
    out.mkdir(parents=True)
    (out / "a.jpg").write_bytes(b"copy")
    looked.work.tell(photo("a.jpg"))
    looked.work.tell(photo("b.jpg", "failed"))
    looked.work.tell({"event": "done", "protected": 1, "total": 2, "measured_by": "", "learnt_on": 1})
    with zipfile.ZipFile(io.BytesIO(user.get("/copies.zip").content)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {"a.jpg": b"copy"}
    assert ask(user, "again") == (200, None)
    assert kept(looked) == {} and (out / "a.jpg").exists() and looked.step == "choose" and looked.copies() == []
    assert put(user, "b.jpg") == ask(user, "look") == (200, None)
    assert looked.state()["out"] == f"{out}-2"  # copies of another job


def test_a_page_gets_the_state_at_once_and_each_photo_once(session: Session) -> None:
    async def seen() -> list[Any]:
        session.feed.photos += [photo(f"{number}.jpg") for number in range(450)]
        messages = session.feed.messages(lambda: False)
        first = [await anext(messages) for _ in range(3)]
        session.feed.photos.append(photo("last.jpg"))
        session.feed.changed()
        last = await anext(messages)
        session.feed.restart()
        return [*first, last, await anext(messages)]

    told = [(message["from"], len(message["photos"])) for message in asyncio.run(seen())]
    assert told == [(0, 200), (200, 200), (400, 50), (450, 1), (0, 0)]


def test_a_zip_leaves_out_what_is_gone(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 300_000)
    data = b"".join(zipped([("sub/ä.jpg", tmp_path / "a"), ("gone", tmp_path / "b")]))
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.namelist() == ["sub/ä.jpg"] and archive.testzip() is None


def test_names_reach_the_page_as_text_only() -> None:
    code = "".join(path.read_text("utf-8") for path in STATIC.glob("*.js"))
    assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(|new Function", code)
    assert not re.search(r"https?://(?!127)", code + (STATIC / "index.html").read_text("utf-8"))


def test_all_words_are_in_one_place() -> None:
    texts = json.loads((STATIC / "texts.json").read_text("utf-8"))
    page, code = ((STATIC / name).read_text("utf-8") for name in ("index.html", "app.js"))
    code += (STATIC / "gallery.js").read_text("utf-8")
    used = {*re.findall(r'data-text="([^"]+)"', page), *re.findall(r'\bsay\("([^"]+)"', code)}
    refusals = Path(STATIC.parent).glob("*.py")
    used |= {f"error.{code}" for path in refusals for code in re.findall(r'RefusedError\("([^"]+)"', path.read_text())}
    assert used - set(texts) == set()
    dynamic = ("error.", "photo.", "status.", "strength.", "what.", "working.")  # the rest of these is put together
    assert {key for key in texts if key not in used and not key.startswith(dynamic)} == set()
