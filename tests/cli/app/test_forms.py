"""What the forms of the tabs hold is kept by the session, for reloads and for other windows."""

from __future__ import annotations

from starlette.testclient import TestClient

from guise.cli.app.tabs.photos import Photos
from guise.cli.app.tabs.session import Session
from tests.cli.app.test_other_tabs import ask, put


def test_what_is_entered_is_kept_and_nothing_else(user: TestClient, session: Session) -> None:
    synthetic, blind = session.tabs["synthetic"], session.tabs["blind_spots"]
    assert ask(user, "synthetic/enter", values={"data": "/images", "epsilon": "0.5"}) == (200, None)
    assert ask(user, "blind_spots/enter", values={"target": "constant"}) == (200, None)
    assert synthetic.state()["entered"] == {"data": "/images", "epsilon": "0.5", "minutes": "2", "count": "100"}
    assert blind.state()["entered"]["target"] == "constant"
    for wrong in ({"step": "done"}, {"data": 7}, {"data": None}, {"data": "x" * 5000}, ["data"], "data", None):
        assert ask(user, "synthetic/enter", values=wrong) == (400, "bad-request")
    assert synthetic.state()["entered"]["data"] == "/images" and synthetic.step == "choose"


def test_the_chosen_photo_is_told(user: TestClient, session: Session) -> None:
    blind = session.tabs["blind_spots"]
    ask(user, "blind_spots/inspect", model="guise-vit")
    blind.work.tell({"event": "space", "rows": [], "shape": [], "model": ""})
    assert blind.state()["photo"] == ""
    put(user, "blind_spots", "mine.jpg")
    assert blind.state()["photo"] == "mine.jpg"
    put(user, "blind_spots", "../mine.jpg")
    assert blind.state()["photo"] == ""


def test_a_preview_that_another_window_has_asked_for_is_not_made_twice(user: TestClient, photos_tab: Photos) -> None:
    put(user, "photos")
    ask(user, "photos/look")
    photos_tab.work.tell({"event": "people", "people": [{"photos": 1, "key": "k"}], "total": 1, "failures": []})
    for _ in range(2):
        assert ask(user, "photos/preview", chosen=[0], strength="mid") == (200, None)
    assert [job["do"] for job in photos_tab.work.jobs].count("preview") == 1


def test_a_preview_that_fails_is_said_and_can_be_asked_for_again(user: TestClient, photos_tab: Photos) -> None:
    put(user, "photos")
    ask(user, "photos/look")
    photos_tab.work.tell({"event": "people", "people": [{"photos": 1, "key": "k"}], "total": 1, "failures": []})
    ask(user, "photos/preview", chosen=[0], strength="mid")
    photos_tab.work.tell({"event": "gone", "code": -9})
    state = photos_tab.state()
    assert (state["step"], state["error"], state["previewed"]) == ("people", "gone", [])
    assert ask(user, "photos/preview", chosen=[0], strength="mid") == (200, None)
    assert photos_tab.state()["error"] == "" and photos_tab.work.jobs[-1]["do"] == "preview"
