"""What people do besides the straight way: the keyboard alone, windows, reloads, and choices that lead nowhere."""

from __future__ import annotations

import shutil
import zipfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.cli.app.browsing import NEEDS_CHROMIUM, Browser, Start, check_step

pytestmark = [NEEDS_CHROMIUM, pytest.mark.timeout(1800)]
QUICK = ("--refine", "1", "--patience", "0")
DROP = """place => {
  const moved = new DataTransfer();
  moved.items.add(new File(["photo"], "a.jpg"));
  return !place.dispatchEvent(new DragEvent("drop", { dataTransfer: moved, bubbles: true, cancelable: true }));
}"""


SAY = """async ([key, values]) => (await import("/static/page.js")).say(key, values)"""

ASK_TWICE = """async ([together, what]) => {
  const { ask } = await import("/static/page.js");
  const first = ask(what);
  if (!together) await first;
  await Promise.all([first, ask(what)]);
}"""
LOOK = """async folder => {
  const { ask, at } = await import("/static/page.js");
  for (let time = 0; time < 3; time += 1) {
    at("problem").textContent = "";
    await ask("photos/look", { folder });
    while (!at("problem").textContent.includes(folder.split("/").pop())) {
      await new Promise(later => setTimeout(later, 20));
    }
  }
}"""


@pytest.fixture
def folder(home: Path, key: Path, photos: Path, head: Image.Image) -> Path:
    """Two photos of somebody whose key is known."""
    shutil.copy(key, home / "keys" / "me.guise-key")
    for index in range(2):
        head.crop((9 * index, 0, 262, 262)).resize((250, 250)).save(photos / f"{index}.jpg", quality=92)
    return photos


def tab_to(page: Any, selector: str) -> None:
    """Press the tabulator until something has the focus, and see the focus at each stop."""
    for _ in range(60):
        page.keyboard.press("Tab")
        assert page.evaluate(
            "() => { const at = document.activeElement, label = at.labels?.[0];"
            " const shows = place => place && getComputedStyle(place).outlineStyle !== 'none';"
            " return at === document.body || shows(at) || shows(label) || shows(at.nextElementSibling); }"
        )
        if page.evaluate("selector => document.activeElement.matches(selector)", selector):
            return
    raise AssertionError(f"no tabulator leads to {selector}")


def test_the_keyboard_alone_leads_from_a_folder_to_the_zip(browser: Browser, start: Start, folder: Path) -> None:
    page = browser.tab(start(*QUICK).address)
    page.wait_for_selector("#choose:visible")
    tab_to(page, "#folder")
    page.keyboard.type(str(folder))
    page.keyboard.press("Enter")
    page.wait_for_selector("#people:visible")
    tab_to(page, "#faces input")
    page.keyboard.press("Space")
    assert not page.is_checked("#faces input")
    tab_to(page, "#strengths input")
    page.keyboard.press("ArrowUp")
    assert page.is_checked("#strengths input[value=low]")
    tab_to(page, "#people-form button.main")
    page.keyboard.press("Enter")
    page.wait_for_selector("#problem:has-text('Choose at least one picture')")
    problem, window = page.locator("#problem").bounding_box(), page.viewport_size
    assert 0 <= problem["y"] < window["height"] - problem["height"]  # it is seen, though the page was scrolled
    check_step(page)
    page.reload()
    page.wait_for_selector("#people:visible")
    assert not page.is_checked("#faces input") and page.is_checked("#strengths input[value=low]")  # as they were
    tab_to(page, "#faces input")
    page.keyboard.press("Space")
    tab_to(page, "#people-form button.main")
    page.keyboard.press("Enter")
    page.wait_for_selector("#done:visible")
    with page.expect_download() as download:
        tab_to(page, "#zip")
        page.keyboard.press("Enter")
    with zipfile.ZipFile(download.value.path()) as archive:
        assert sorted(archive.namelist()) == ["0.jpg", "1.jpg"]
    tab_to(page, ".card input")
    page.keyboard.press("ArrowRight")
    assert page.locator(".card .stack").first.evaluate("stack => stack.style.getPropertyValue('--split')") == "51%"
    tab_to(page, ".card button")
    page.keyboard.press("Enter")
    page.keyboard.press("Shift+Tab")
    assert page.evaluate("document.activeElement.matches('.card.large .zoom input')")
    page.keyboard.press("End")
    check_step(page)
    browser.complaints.remove("Failed to load resource: the server responded with a status of 400 (Bad Request)")
    browser.check()


def test_choices_that_lead_nowhere_are_said_and_another_can_be_made(
    browser: Browser, start: Start, folder: Path, tmp_path: Path
) -> None:
    page = browser.tab(start(*QUICK).address)
    page.wait_for_selector("#choose:visible")
    assert page.locator("h1").evaluate(DROP)  # a photo that misses the place does not replace the page
    assert page.locator("#folder").evaluate(
        "place => place.dispatchEvent(new DragEvent('drop', "
        "{ dataTransfer: new DataTransfer(), bubbles: true, cancelable: true }))"
    )
    (tmp_path / "empty").mkdir()
    page.fill("#folder", str(tmp_path / "empty"))
    page.press("#folder", "Enter")
    page.wait_for_selector("#problem:has-text('empty')")
    assert page.is_visible("#choose") and "--" not in page.inner_text("#problem")
    check_step(page)
    page.fill("#folder", str(folder))
    page.press("#folder", "Enter")
    page.wait_for_selector("#people:visible")
    assert not page.is_visible("#problem")
    second = browser.tab(page.url)
    second.click("#people .again")
    page.wait_for_selector("#choose:visible")

    page.fill("#folder", str(folder))
    page.press("#folder", "Enter")
    page.wait_for_selector("#people:visible")
    away = folder.rename(tmp_path / "away")
    second.click("#people-form button.main")
    page.wait_for_selector("#stopped:visible")
    page.wait_for_selector(f"#problem:has-text('{folder.name}')")
    check_step(page)
    away.rename(folder)
    page.dblclick("#resume")
    page.wait_for_selector("#done-title:has-text('2 of 2 photos are protected')")
    assert not page.is_visible("#problem")
    page.goto("about:blank")
    page.go_back()
    page.wait_for_selector("#done:visible")
    browser.check()


def test_words_follow_the_numbers_next_to_them(browser: Browser, start: Start) -> None:
    page = browser.tab(start().address)
    page.wait_for_selector("#choose:visible")
    say = {}
    for count in (0, 1, 2):
        values = dict.fromkeys(["photos", "n", "protected", "count"], count) | {"total": 2, "size": "{n}"}
        for key in ("choose.chosen", "time.seconds", "done.title", "photo.free"):
            say[key, count] = page.evaluate(SAY, [key, values])
    assert [say["choose.chosen", count] for count in range(3)] == [
        "0 photos chosen, {n}",
        "1 photo chosen, {n}",
        "2 photos chosen, {n}",
    ]
    assert (say["time.seconds", 1], say["time.seconds", 2]) == ("1 second", "2 seconds")
    assert say["done.title", 1] == "1 of 2 photos is protected" and "2 of 2 photos are" in say["done.title", 2]
    assert "one recogniser" in say["photo.free", 1] and say["photo.free", 2] == "Recognised by none of 2 recognisers"
    browser.check()


def test_a_double_click_asks_once_and_what_failed_can_be_asked_again_at_once(
    browser: Browser, start: Start, tmp_path: Path
) -> None:
    page = browser.tab(start().address)
    page.wait_for_selector("#choose:visible")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if request.method == "POST" else None)
    page.evaluate(ASK_TWICE, [True, "photos/resume"])
    assert len(asked) == 1
    page.evaluate(ASK_TWICE, [False, "photos/go_on"])  # refused: there is no such job
    assert len(asked) == 3
    (tmp_path / "empty").mkdir()
    page.evaluate(LOOK, str(tmp_path / "empty"))  # each time it is said why
    assert len(asked) == 6
    assert all("409" in complaint for complaint in browser.complaints)
    browser.complaints.clear()
    browser.check()
