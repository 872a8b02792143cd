"""The whole way in a real browser: from dropped photos to the zip, with a reload, a second tab, a stop and a go on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageEnhance

from tests.cli.command_line import hashes

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = next((path for name in ("chromium", "chromium-browser") if (path := shutil.which(name))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium: install the package `chromium`")

SLOW = 120_000  # milliseconds; a busy machine is no failure
SCRIPT = "<img src=x onerror=alert(1)>.jpg"


@pytest.fixture
def dropped(photos: Path, head: Image.Image) -> list[Path]:
    """Three photos of the demo's portrait of 250 pixels, one with a name that is HTML."""
    for index, name in enumerate(("a.jpg", "b.jpg", SCRIPT)):
        photo = head.crop((9 * index, 0, 262, 262)).resize((250, 250))
        ImageEnhance.Brightness(photo).enhance(1 - index / 10).save(photos / name, quality=92)
    return sorted(photos.iterdir())


@pytest.fixture
def address(tmp_path: Path, key: Path) -> Iterator[str]:
    """A running program that knows the portrait's key, so that nothing is learnt."""
    (tmp_path / "home" / "keys").mkdir(parents=True)
    shutil.copy(key, tmp_path / "home" / "keys" / "me.guise-key")
    command = [sys.executable, "-m", "guise", "app", "--no-browser", "--home", str(tmp_path / "home")]
    command += ["--device", "cpu", "--refine", "3", "--patience", "0"]
    with (tmp_path / "errors").open("w") as errors:
        environment = {**os.environ, "PYTHONUNBUFFERED": "1", "OMP_NUM_THREADS": "1"}
        program = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=environment)
        try:
            assert program.stdout is not None
            yield program.stdout.readline().strip()
        finally:
            program.terminate()
            try:
                program.communicate(timeout=30)
            except subprocess.TimeoutExpired:
                program.kill()
                program.communicate()
    assert "Traceback" not in (tmp_path / "errors").read_text()


class Watched:
    """A browser that may ask this machine only, and what it asked and complained of."""

    def __init__(self, browser: Any, address: str) -> None:
        self.own = address.split("?")[0]
        self.elsewhere: list[str] = []
        self.complaints: list[str] = []
        self.context = browser.new_context(accept_downloads=True, viewport={"width": 360, "height": 740})
        self.context.route(lambda url: not url.startswith(self.own), self._refuse)

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


@pytest.fixture
def browser(address: str) -> Iterator[Watched]:
    with playwright.sync_playwright() as driver:
        # Chromium asks its maker's hosts for updates and the like; nothing of that is the page's.
        quiet = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=quiet)
        watched = Watched(chromium, address)
        yield watched
        chromium.close()


def drop(page: Any, files: list[Path]) -> None:
    """Drop files as a file manager would."""
    data = [[file.name, list(file.read_bytes())] for file in files]
    moved = page.evaluate_handle(
        "files => { const moved = new DataTransfer();"
        " for (const [name, bytes] of files) moved.items.add(new File([new Uint8Array(bytes)], name)); return moved; }",
        data,
    )
    page.dispatch_event("#drop", "drop", {"dataTransfer": moved})


def check_fits(page: Any) -> None:
    """Nothing is wider than the window, and every control has a name."""
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    nameless = page.evaluate(
        "[...document.querySelectorAll('button, a, input, meter, progress, img')].filter(e => e.checkVisibility()"
        " && !(e.textContent || e.alt || e.ariaLabel || e.labels?.length)).map(e => e.outerHTML)"
    )
    assert nameless == []


def test_from_dropped_photos_to_the_zip(browser: Watched, address: str, dropped: list[Path], tmp_path: Path) -> None:
    before = hashes(dropped[0].parent)
    page = browser.tab(address)
    page.wait_for_selector("#choose")
    assert "token" not in page.url
    check_fits(page)
    drop(page, dropped)
    page.wait_for_selector("#look:enabled")
    page.focus("#look")
    page.keyboard.press("Enter")

    page.wait_for_selector("#people")
    check_fits(page)
    assert page.locator("#faces label").count() == 1 and page.locator("#faces input:checked").count() == 1
    assert "in 3 of 3 photos" in page.inner_text("#faces") and "your key is known" in page.inner_text("#faces")
    page.click("#people-form button.main")

    page.click("#stop")  # finding the faces again takes longer than this
    page.wait_for_selector("#stopped")
    page.reload()
    second = browser.tab(browser.own)  # the cookie opens it
    second.wait_for_selector("#stopped")
    page.click("#resume")
    second.wait_for_selector("#working")
    second.reload()

    for tab in (page, second):
        tab.wait_for_selector("#done")
        playwright.expect(tab.locator(".card")).to_have_count(3, timeout=SLOW)
    check_fits(page)
    assert page.inner_text("#done-title") == "3 of 3 photos are protected"
    assert page.evaluate("document.activeElement.id") == "done-title"  # screen readers read on from there
    assert page.locator(".card .name").filter(has_text=SCRIPT).count() == 1
    assert page.locator("#recognisers meter").count() >= 1 and "me.guise-key" in page.inner_text("#key")
    picture = page.locator(".card img").first
    picture.scroll_into_view_if_needed()
    playwright.expect(picture).to_have_js_property("naturalWidth", 250, timeout=SLOW)
    page.locator(".card input[type=range]").first.focus()
    page.keyboard.press("End")
    assert page.evaluate("document.querySelector('.stack').style.getPropertyValue('--split')") == "100%"

    with page.expect_download() as download:
        page.click("#zip")
    download.value.save_as(tmp_path / "protected.zip")
    with zipfile.ZipFile(tmp_path / "protected.zip") as archive:
        assert sorted(archive.namelist()) == [path.name for path in dropped]
        archive.extractall(tmp_path / "unpacked")
    after = hashes(tmp_path / "unpacked")
    assert after == hashes(tmp_path / "home" / "copies" / "protected") and not set(after.values()) & set(
        before.values()
    )
    assert hashes(dropped[0].parent) == before

    page.click("#done .again")
    second.wait_for_selector("#choose")
    assert browser.elsewhere == [] and browser.complaints == []


def test_words_are_shown_where_something_is_refused(browser: Watched, address: str) -> None:
    page = browser.tab(address)
    page.fill("#folder", "/no/such/folder")
    page.press("#folder", "Enter")
    page.wait_for_selector("#problem")
    assert "/no/such/folder is no folder on this machine" in page.inner_text("#problem")
    stranger = browser.context.browser.new_context().new_page()
    answer = stranger.goto(browser.own)
    assert answer.status == 403 and "Refused" in stranger.inner_text("body")
