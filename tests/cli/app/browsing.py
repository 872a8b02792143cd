"""The program, a browser that may ask it and nobody else, and what must hold on every step of the page."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
CHROMIUM = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
NEEDS_CHROMIUM = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium: install the package `chromium`")
SLOW = 600_000  # milliseconds; a busy machine is no failure


class Program:
    """`guise app`, running."""

    def __init__(self, home: Path, *options: str) -> None:
        command = [
            sys.executable,
            "-m",
            "guise",
            "app",
            "--no-browser",
            "--home",
            str(home),
            "--device",
            "cpu",
            *options,
        ]
        data = {"XDG_DATA_HOME": str(home / "data")}  # budgets of data sets
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1", **data}
        self._errors = home.parent / "errors"
        with self._errors.open("a") as errors:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment)
        assert self._process.stdout is not None
        self.address = self._process.stdout.readline().strip()
        self.own = self.address.split("?")[0]

    def stop(self) -> None:
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.communicate(timeout=60)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        assert "Traceback" not in self._errors.read_text()


Start = Callable[..., Program]


class Browser:
    """Chromium, and what it asked and complained of. Requests to other hosts are refused."""

    def __init__(self, driver: Any) -> None:
        # Chromium asks its maker's hosts for updates and the like; nothing of that is the page's.
        quiet = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]
        self.chromium = driver.chromium.launch(executable_path=CHROMIUM, args=quiet)
        self.elsewhere: list[str] = []
        self.complaints: list[str] = []
        self.context = self.chromium.new_context(accept_downloads=True, viewport={"width": 360, "height": 740})
        self.context.route(lambda url: not url.startswith("http://127.0.0.1:"), self._refuse)

    def _refuse(self, route: Any) -> None:
        self.elsewhere.append(route.request.url)
        route.abort()

    def tab(self, address: str) -> Any:
        page = self.context.new_page()
        page.set_default_timeout(SLOW)
        page.on("console", lambda message: self.complaints.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("dialog", lambda dialog: self.complaints.append(f"dialog {dialog.message}"))
        page.goto(address)
        return page

    def check(self) -> None:
        """Nothing was asked elsewhere, and nothing went wrong unseen."""
        assert self.elsewhere == [] and self.complaints == []


def drop(page: Any, files: list[Path]) -> None:
    """Drop files as a file manager would."""
    page.wait_for_selector("#choose:visible")
    data = [[file.name, list(file.read_bytes())] for file in files]
    moved = page.evaluate_handle(
        "files => { const moved = new DataTransfer();"
        " for (const [name, bytes] of files) moved.items.add(new File([new Uint8Array(bytes)], name)); return moved; }",
        data,
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": moved})


def unpacked(page: Any, button: str, place: Path) -> list[str]:
    """Download a zip, and say what is in it."""
    with page.expect_download() as download:
        page.click(button)
    download.value.save_as(place.with_suffix(".zip"))
    with zipfile.ZipFile(place.with_suffix(".zip")) as archive:
        archive.extractall(place)
        return sorted(archive.namelist())


def check_step(page: Any) -> None:
    """Nothing is wider than the window, in light and dark, and axe-core finds nothing serious."""
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
        found = axe.Axe().run(page).response
        grave = [rule for rule in found["violations"] if rule["impact"] in ("serious", "critical")]
        told = [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in grave]
        assert told == [], told
        assert len(found["passes"]) > 5  # it has looked
