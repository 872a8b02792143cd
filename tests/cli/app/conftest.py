"""A session of the page without its worker process, someone who has its address, and the program in a browser."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from starlette.testclient import TestClient

from guise.cli.app.server.guard import Guard
from guise.cli.app.server.routes import page
from guise.cli.app.settings import Limits, Settings
from guise.cli.app.tabs.photos import Photos
from guise.cli.app.tabs.process import Work
from guise.cli.app.tabs.session import Session

if TYPE_CHECKING:  # playwright may be absent
    from tests.cli.app.browsing import Browser, Program, Start

pytest.register_assert_rewrite("tests.cli.app.browsing")  # so that failures there tell what was found

PORT, TOKEN = 8765, "the-token"
ADDRESS = f"http://127.0.0.1:{PORT}"
OWN = {"origin": ADDRESS}


class Recorded(Work):
    """Keeps jobs instead of doing them."""

    def __init__(self, tab: str, on_event: Callable[[dict[str, Any]], None]) -> None:
        super().__init__(tab, on_event)
        self.tell, self.jobs = on_event, list[dict[str, Any]]()

    async def give(self, job: dict[str, Any]) -> None:
        self.jobs.append(job)

    async def stop(self) -> None:
        self.jobs.append({"do": "stop"})


@pytest.fixture
def private(tmp_path: Path) -> Path:
    (tmp_path / "private").mkdir()
    return tmp_path / "private"


@pytest.fixture
def session(private: Path, tmp_path: Path) -> Session:
    limits = Limits(photos=3, file_bytes=1000, total_bytes=2500)
    return Session(Settings(home=tmp_path / "home", limits=limits), private, worker=Recorded)


@pytest.fixture
def photos_tab(session: Session) -> Photos:
    return session.photos


@pytest.fixture
def guard(session: Session) -> Guard:
    return Guard(page(session, lambda: True), port=PORT, token=TOKEN)


@pytest.fixture
def stranger(guard: Guard) -> TestClient:
    """Somebody who knows the port only."""
    return TestClient(guard, base_url=ADDRESS)


@pytest.fixture
def user(guard: Guard) -> TestClient:
    """Somebody who opened the printed address; the page says its origin."""
    client = TestClient(guard, base_url=ADDRESS, headers=OWN)
    assert client.get(f"/?token={TOKEN}").status_code == 200
    return client


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home" / "keys").mkdir(parents=True)
    return tmp_path / "home"


@pytest.fixture
def start(home: Path) -> Iterator[Start]:
    from tests.cli.app.browsing import Program

    programs: list[Program] = []

    def run(*options: str) -> Program:
        programs.append(Program(home, *options))
        return programs[-1]

    yield run
    for program in programs:
        program.stop()


@pytest.fixture
def browser() -> Iterator[Browser]:
    from tests.cli.app.browsing import Browser, playwright

    with playwright.sync_playwright() as driver:
        chromium = Browser(driver)
        yield chromium
        chromium.chromium.close()
