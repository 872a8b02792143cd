"""What outlives a reload, and how two windows of one session follow each other."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.cli.app.browsing import NEEDS_CHROMIUM, SLOW, Browser, Start, check_step, drop, playwright

pytestmark = [NEEDS_CHROMIUM, pytest.mark.timeout(1800)]
expect = playwright.expect
SEEN = """hidden => {
  Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def opened(browser: Browser, page: Any, tab: str) -> Any:
    """Another window of the same session."""
    second = browser.tab(f"{page.url.split('#')[0]}#{tab}")
    second.wait_for_selector(f"#{tab}:visible")
    return second


def test_what_was_entered_outlives_a_reload_and_is_in_the_other_window(browser: Browser, start: Start) -> None:
    page = browser.tab(f"{start().address}#synthetic")
    page.wait_for_selector("#plan-form:visible")
    second = opened(browser, page, "synthetic")
    assert (page.input_value("#epsilon"), page.input_value("#minutes"), page.input_value("#data")) == ("1", "2", "")
    page.locator("#data").press_sequentially("/my/images")
    expect(second.locator("#data")).to_have_value("/my/images", timeout=SLOW)  # while it is still being typed
    page.fill("#epsilon", "0.5")
    page.fill("#minutes", "")
    expect(second.locator("#epsilon")).to_have_value("0.5", timeout=SLOW)
    second.focus("#data")
    second.keyboard.press("End")
    second.keyboard.type("/new")
    expect(page.locator("#data")).to_have_value("/my/images/new", timeout=SLOW)
    page.reload()
    page.wait_for_selector("#plan-form:visible")
    kept = [page.input_value(field) for field in ("#data", "#epsilon", "#minutes")]
    assert kept == ["/my/images/new", "0.5", ""]
    page.click("nav a[href='#photos']")
    page.fill("#folder", "/my/photos")
    page.click("nav a[href='#synthetic']")
    page.reload()
    expect(page.locator("#folder")).to_have_value("/my/photos", timeout=SLOW)
    browser.check()


def test_the_model_and_its_photo_are_shown_after_a_reload(
    browser: Browser, start: Start, head: Image.Image, tmp_path: Path
) -> None:
    head.save(tmp_path / "photo.png")
    page = browser.tab(f"{start().address}#blind_spots")
    page.wait_for_selector("#inspect-form:visible")
    page.fill("#model", "guise-vit")
    page.click("#inspect-form summary")
    page.fill("#shape", "3x112x112")
    page.press("#shape", "Enter")
    page.wait_for_selector("#fill-form:visible")
    page.set_input_files("#blind-photo", tmp_path / "photo.png")
    page.check("#targets input[value=constant]")
    page.wait_for_selector("#blind-chosen:has-text('photo.png')")
    second = opened(browser, page, "blind_spots")
    page.reload()
    for window in (page, second):
        window.wait_for_selector("#fill-form:visible")
        assert window.input_value("#model") == "guise-vit"
        assert window.is_visible("#shape") and window.input_value("#shape") == "3x112x112"  # it is unfolded
        assert window.is_checked("#targets input[value=constant]")
        assert window.inner_text("#blind-chosen") == "photo.png"
    check_step(page)
    page.click("#blind_spots .start-over")
    second.wait_for_selector("#blind-chosen", state="hidden")
    assert second.inner_text("#blind-chosen") == "" and second.input_value("#model") == "guise-vit"
    browser.check()


def test_windows_follow_each_others_choice_of_people_and_strength(
    browser: Browser, start: Start, home: Path, key: Path, photos: Path, head: Image.Image
) -> None:
    shutil.copy(key, home / "keys" / "me.guise-key")
    for index in range(2):
        head.crop((9 * index, 0, 262, 262)).resize((250, 250)).save(photos / f"{index}.jpg", quality=92)
    page = browser.tab(start("--refine", "1", "--patience", "0").address)
    page.wait_for_selector("#choose:visible")
    second = opened(browser, page, "photos")
    page.fill("#folder", str(photos))
    page.press("#folder", "Enter")
    for window in (page, second):
        window.wait_for_selector("#preview-picture img", state="visible")
    me, other = page.locator("#faces input"), second.locator("#faces input")
    assert me.is_checked() and other.is_checked()
    me.uncheck()
    expect(other).not_to_be_checked(timeout=SLOW)
    assert "no preview yet" in second.inner_text("#preview-text")
    second.check("#strengths input[value=high]")
    expect(page.locator("#strengths input[value=high]")).to_be_checked(timeout=SLOW)
    expect(me).not_to_be_checked()  # the other window has told the strength, and left the face as it is
    second.click("#people-form button.main")
    second.wait_for_selector("#problem:has-text('Choose at least one picture')")
    other.check()
    expect(me).to_be_checked(timeout=SLOW)
    page.wait_for_selector("#preview-picture .after[src*=high]", state="visible")
    for _ in range(5):  # many clicks end as the last of them
        me.uncheck()
        me.check()
    page.check("#strengths input[value=low]")
    expect(second.locator("#strengths input[value=low]")).to_be_checked(timeout=SLOW)
    expect(other).to_be_checked(timeout=SLOW)
    expect(me).to_be_checked()
    page.click("#people-form button.main")
    second.wait_for_selector("#done:visible")
    browser.complaints.remove("Failed to load resource: the server responded with a status of 400 (Bad Request)")
    browser.check()


def test_many_windows_do_not_take_the_connections_from_each_other(browser: Browser, start: Start) -> None:
    """A browser keeps six connections to a server: windows that nobody sees must not hold them."""
    windows = [browser.tab(start().address)]
    windows[0].wait_for_selector("#choose:visible")
    for _ in range(8):
        windows[-1].evaluate(SEEN, True)
        windows.append(opened(browser, windows[0], "photos"))
    windows[-1].fill("#folder", "/my/photos")
    windows[-1].evaluate(SEEN, True)
    assert windows[0].input_value("#folder") == ""
    windows[0].evaluate(SEEN, False)
    expect(windows[0].locator("#folder")).to_have_value("/my/photos", timeout=SLOW)
    browser.check()


def test_the_same_photos_may_be_dropped_twice_and_while_others_come(
    browser: Browser, start: Start, tmp_path: Path
) -> None:
    names = ["a.jpg", "x" * 250 + ".jpg", "\N{RIGHT-TO-LEFT OVERRIDE}gpj.exe.jpg", "50%2e #?&.jpg", ".DS_Store"]
    for number, name in enumerate(names):
        Image.new("RGB", (40 + number, 40), "gray").save(tmp_path / name, "JPEG")
    page = browser.tab(start().address)
    page.wait_for_selector("#choose:visible")
    for dropped in (names[:2], names, names[:3]):  # nobody waits for those before
        drop(page, [tmp_path / name for name in dropped])
    page.wait_for_selector("#chosen:has-text('4 photos chosen')")
    page.wait_for_selector("#look:enabled")
    assert not page.is_visible("#refused") and not page.is_visible("#problem")
    check_step(page)
    second = opened(browser, page, "photos")
    second.click("#clear")
    page.wait_for_selector("#chosen:empty", state="attached")
    browser.check()
