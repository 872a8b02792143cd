"""Only the page that was opened with the token gets an answer."""

from __future__ import annotations

import pytest
from starlette.testclient import TestClient

from tests.cli.app.conftest import ADDRESS, OWN, PORT, TOKEN

PATHS = ("/", "/static/app.js", "/events", "/photos/files.zip", "/photos/view/person-0.jpg", "/nothing")


@pytest.mark.parametrize(
    "path", [*PATHS, "/?token=", "/?token=wrong", f"/?other={TOKEN}", f"/static/app.js?token={TOKEN}"]
)
def test_without_the_token_there_is_nothing_but_a_refusal(stranger: TestClient, path: str) -> None:
    answer = stranger.get(path)
    assert answer.status_code == 403 and "set-cookie" not in answer.headers
    assert "the address that `guise app` printed" in answer.text


def test_the_token_becomes_a_cookie_that_scripts_and_other_sites_do_not_get(stranger: TestClient) -> None:
    answer = stranger.get(f"/?token={TOKEN}")
    assert answer.status_code == 200 and "<title>Guise" in answer.text
    name, _, rest = answer.headers["set-cookie"].partition("=")
    assert name == f"guise-{PORT}" and TOKEN not in rest
    assert {"httponly", "samesite=strict", "path=/"} <= {part.strip().lower() for part in rest.split(";")}
    assert stranger.get("/").status_code == stranger.get("/static/app.js").status_code == 200


@pytest.mark.parametrize("cookie", ["", "wrong", "é", "a; b=c", '"'])
def test_a_wrong_cookie_is_refused(stranger: TestClient, cookie: str) -> None:
    answer = stranger.get("/", headers={"cookie": f"guise-{PORT}={cookie}".encode()})
    assert answer.status_code == 403


def test_a_token_for_once_is_good_for_one_page(guard, stranger: TestClient) -> None:
    once = guard.token_for_once()
    assert stranger.get(f"/?token={once}").status_code == 200
    assert TestClient(guard, base_url=ADDRESS).get(f"/?token={once}").status_code == 403


@pytest.mark.parametrize(
    "host", ["guise.example", f"guise.example:{PORT}", "127.0.0.1", "127.0.0.1:1", "", f"127.0.0.1:{PORT}."]
)
def test_another_host_is_refused_even_with_the_cookie(user: TestClient, host: str) -> None:
    for path in ("/", f"/?token={TOKEN}"):  # a name that is made to point here
        assert user.get(path, headers={"host": host}).status_code == 403


def test_localhost_is_this_server(guard) -> None:
    client = TestClient(guard, base_url=f"http://localhost:{PORT}")
    assert client.get(f"/?token={TOKEN}").status_code == 200


@pytest.mark.parametrize(
    "origin", ["https://example.com", "null", f"http://localhost:{PORT}", "http://127.0.0.1:1", ""]
)
def test_another_origin_is_refused_even_with_the_cookie(user: TestClient, origin: str) -> None:
    assert user.get("/", headers={"origin": origin}).status_code == 403
    assert user.post("/photos/look", headers={"origin": origin}, content=b"{}").status_code == 403


def test_what_changes_something_must_say_its_origin(user: TestClient) -> None:
    del user.headers["origin"]
    assert user.post("/photos/stop").status_code == 403
    assert user.put("/photos/files?name=a.jpg", content=b"x").status_code == 403
    assert user.post("/photos/stop", headers=OWN).status_code == 200


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_pages_elsewhere_can_show_nothing_of_this_one(user: TestClient, site: str) -> None:
    del user.headers["origin"]  # images and scripts say none
    assert user.get("/static/app.js", headers={"sec-fetch-site": site}).status_code == 403
    assert user.get(f"/?token={TOKEN}", headers={"sec-fetch-site": site}).status_code == 200  # a link to the page


@pytest.mark.parametrize("path", PATHS[:2])
def test_every_answer_forbids_everything_from_elsewhere(user: TestClient, stranger: TestClient, path: str) -> None:
    for answer in (user.get(path), stranger.get(path)):
        policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
        assert policy["default-src"] == "'none'" and set(policy.values()) <= {"'none'", "'self'"}
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["cache-control"] == "no-store"
