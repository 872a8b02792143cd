"""Videos on the page, in a real browser: chosen, protected, shown with what is said of them, and in the zip."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from tests.chameleon.videos.scenes import scene
from tests.cli.app.browsing import NEEDS_CHROMIUM, Browser, Start, check_step, drop, unpacked
from tests.cli.command_line import hashes
from tests.videos import build_video, packets_besides_pictures, pixels_of

pytestmark = [NEEDS_CHROMIUM, pytest.mark.timeout(1800)]
QUICK = ("--refine", "1", "--patience", "0")


def near(share: float) -> tuple[float, float, float, float]:
    """A face that is large in the picture, and moves a little."""
    return 220 + 40 * share, 165 - 10 * share, 1.7 + 0.2 * share, 4 * share


def test_a_video_is_protected_shown_and_in_the_zip(
    browser: Browser, start: Start, home: Path, key: Path, photos: Path, head: Image.Image, tmp_path: Path
) -> None:
    shutil.copy(key, home / "keys" / "me.guise-key")
    head.save(photos / "me.jpg", quality=92)
    build_video(photos / "clip.mp4", scene(6, near).pictures)
    (photos / "page.mp4").write_text("<html>")
    before = hashes(photos)
    page = browser.tab(start(*QUICK).address)
    drop(page, sorted(photos.iterdir()))
    page.wait_for_selector("#chosen:has-text('3 photos chosen')")
    page.click("#look")
    page.wait_for_selector("#people:visible")
    page.click("#people-form button.main")
    page.wait_for_selector("#photos .working label:has-text('clip.mp4: ')")
    check_step(page)
    page.wait_for_selector("#done-title:has-text('2 of 3 photos are protected')")
    cards = {name: page.locator(".card", has=page.locator(f".name:text-is('{name}')")) for name in before}
    said = {name: card.text_content() for name, card in cards.items()}  # what is out of sight has no inner text
    assert "6 of its 6 pictures show you and got the mask" in said["clip.mp4"]
    assert "One picture of this video" in said["clip.mp4"] and "One picture" not in said["me.jpg"]
    assert "No copy" in said["page.mp4"] and "no known video format" in said["page.mp4"]
    cards["clip.mp4"].scroll_into_view_if_needed()
    for side in ("before", "after"):
        picture = cards["clip.mp4"].locator(f"img.{side}")
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 400
    cards["clip.mp4"].get_by_role("button", name="Larger").click()
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 480
    check_step(page)
    assert unpacked(page, "#zip", tmp_path / "unpacked") == ["clip.mp4", "me.jpg"]
    assert len(pixels_of(tmp_path / "unpacked" / "clip.mp4")) == 6
    copied = packets_besides_pictures(tmp_path / "unpacked" / "clip.mp4")
    assert copied == packets_besides_pictures(photos / "clip.mp4") and hashes(photos) == before
    browser.check()
