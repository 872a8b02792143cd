"""The tabs of synthetic images and of blind spots in a real browser, in each of their states."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tests.cli.app.browsing import NEEDS_CHROMIUM, Browser, Start, check_step, unpacked

pytestmark = [NEEDS_CHROMIUM, pytest.mark.timeout(1800)]


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Sixty small images of two classes."""
    labels = np.arange(60) % 2
    pixels = np.random.default_rng(0).integers(0, 60, (60, 28, 28))
    pixels[labels == 1, :14] += 150
    np.savez(tmp_path / "toy.npz", images=pixels, labels=labels)
    return tmp_path / "toy.npz"


def opened(page: Any, details: str) -> None:
    """Everything is checked, what is folded away too."""
    for summary in page.locator(f"{details}:visible").all():
        summary.click()


def test_a_run_from_its_plan_to_drawn_images(browser: Browser, start: Start, images: Path, tmp_path: Path) -> None:
    page = browser.tab(start().address)
    page.click("nav a[href='#synthetic']")
    page.wait_for_selector("#plan-form:visible")
    check_step(page)
    page.fill("#data", "/no/such/images")
    page.press("#data", "Enter")
    page.wait_for_selector("#problem:has-text('/no/such/images is not on this machine')")
    check_step(page)
    page.fill("#data", str(images))
    page.fill("#minutes", "0.01")
    page.press("#minutes", "Enter")
    page.wait_for_selector("#synthetic .working:visible")
    check_step(page)

    page.wait_for_selector("#agree:visible")
    assert page.inner_text("#plan-data").startswith("60 images of 28 x 28 pixels in 2 classes")
    assert "No run has spent anything" in page.inner_text("#plan-account")
    opened(page, "#synthetic details summary")
    check_step(page)
    page.click("#agree")
    page.wait_for_selector("#spent:visible")
    check_step(page)
    page.reload()  # it is asked for anew
    page.click("#synthetic .stop")
    page.wait_for_selector("#run-resume:visible")
    assert page.is_visible("#spent")
    check_step(page)

    page.click("#synthetic [data-step=stopped] .start-over")
    page.click("#run-list button")
    page.wait_for_selector("#run-resume:visible")
    page.click("#run-resume")
    page.wait_for_selector("#draw-form:visible")
    assert page.locator("#samples").evaluate("sheet => sheet.decode().then(() => sheet.naturalWidth)") > 20
    opened(page, "#synthetic details:not([open]) summary")
    assert "epsilon" in page.inner_text("#report-text")
    check_step(page)
    page.fill("#count", "4")
    page.press("#count", "Enter")
    page.wait_for_selector("#synthetic-zip:visible")
    check_step(page)
    names = unpacked(page, "#synthetic-zip", tmp_path / "unpacked")
    assert len([name for name in names if name.endswith(".png")]) == 4 and "privacy.json" in names

    page.click("#synthetic [data-step=done] .start-over")
    page.wait_for_selector("#run-list:visible")
    check_step(page)
    page.click("#run-list button")
    page.wait_for_selector("#draw-form:visible")
    page.wait_for_selector("#samples:visible")
    browser.complaints.remove("Failed to load resource: the server responded with a status of 400 (Bad Request)")
    browser.check()


def test_a_model_is_inspected_and_a_photo_filled(
    browser: Browser, start: Start, head: Image.Image, tmp_path: Path
) -> None:
    head.crop((0, 0, 270, 200)).save(tmp_path / "photo.png")
    (tmp_path / "torn.png").write_bytes(b"no photo")
    page = browser.tab(f"{start().address}#blind_spots")
    page.wait_for_selector("#inspect-form:visible")
    assert not page.is_visible("#blind_spots .start-over")  # nothing has begun
    opened(page, "#inspect-form summary")
    check_step(page)
    page.fill("#model", str(tmp_path / "nothing.onnx"))
    page.press("#model", "Enter")
    page.wait_for_selector("#blind_spots .working:visible")
    check_step(page)
    page.wait_for_selector("#problem:has-text('nothing.onnx')")
    check_step(page)
    page.fill("#model", "guise-vit")
    page.press("#model", "Enter")
    page.wait_for_selector("#fill-form:visible")
    assert "guise-vit reads photos of 3 x 112 x 112 and ignores 25344" in page.inner_text("#space-summary")
    check_step(page)

    page.set_input_files("#blind-photo", tmp_path / "torn.png")
    page.wait_for_selector("#blind-chosen:has-text('torn.png')")
    page.click("#fill-form button.main")
    page.wait_for_selector("#problem:has-text('torn.png')")
    check_step(page)
    page.set_input_files("#blind-photo", tmp_path / "photo.png")
    page.wait_for_selector("#blind-chosen:has-text('photo.png')")
    page.click("#fill-form button.main")
    page.wait_for_selector("#filled-picture:visible")
    check_step(page)
    page.wait_for_selector("#attacks li >> nth=4")
    page.focus("#filled-picture .zoom input")
    page.keyboard.press("End")
    check_step(page)
    with page.expect_download() as download:
        page.click("#blind_spots a[download]")
    with zipfile.ZipFile(download.value.path()) as archive:
        assert sorted(archive.namelist()) == ["certificate.json", "filled.png"]
        assert "changes" in json.loads(archive.read("certificate.json"))
    page.click("#blind_spots .start-over")
    page.wait_for_selector("#fill-form", state="hidden")
    browser.check()
