"""The page in a real browser: its script runs under its own content policy, and it fits a phone."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from guise.chameleon.pages.protection import ProtectedPhotos, protection_page
from guise.chameleon.pages.render import render, save_page
from guise.chameleon.protection.job import PhotoResult
from tests.chameleon.pages.conftest import face
from tests.chameleon.pages.parsed import Element, parse

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")


def browse(page: Path, *options: str) -> str:
    """Open a file, run its script, and give what the browser prints."""
    assert CHROMIUM is not None
    usual = ("--headless", "--disable-gpu", "--no-sandbox", "--hide-scrollbars", "--virtual-time-budget=2000")
    profile = f"--user-data-dir={page.parent / 'profile'}"
    command = [CHROMIUM, *usual, profile, *options, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=200, check=True).stdout


@pytest.fixture
def page(photos: ProtectedPhotos, tmp_path: Path) -> Path:
    name = f"<script>document.title='taken'</script> {'long' * 30}.png".replace("/", "∕")
    for folder in (photos.folder, photos.out):
        Image.new("RGB", (1200, 900), (220, 40, 40)).save(folder / name)
    hostile = PhotoResult(name, "protected", faces=(face(linked=True),), notes=("word" * 60,))
    file = tmp_path / "report.html"
    html = render(protection_page(replace(photos, results=(*photos.results, hostile))))
    assert save_page(html, file, tell=pytest.fail)
    return file


def test_the_script_runs_and_every_photo_has_a_slider(page: Path) -> None:
    shown: Element = parse(browse(page, "--dump-dom", "--window-size=1200,900"))
    (root,) = shown.all("html")
    assert root.attributes["class"] == "js" and shown.all("title")[0].text == "Your protected photos"
    assert len(shown.all("input", class_="cut")) == len(shown.all("article")) == 3
    cuts = [
        re.fullmatch(r"--cut: ([\d.]+)px;", stack.attributes["style"]) for stack in shown.all("div", class_="stack")
    ]
    first = [cut for cut in cuts if cut and float(cut[1]) > 100]
    assert len(first) == 3  # of each photo the view that is seen; the others have no size yet


@pytest.mark.parametrize("width", [360, 1200])
def test_it_fits_the_window_and_shows_its_pictures(page: Path, tmp_path: Path, width: int) -> None:
    """Nothing is cut off or scrolls sideways: right of the page's margin there is only its background."""
    file = tmp_path / f"{width}.png"
    browse(page, f"--screenshot={file}", f"--window-size={width},6000")
    with Image.open(file) as image:
        pixels = np.asarray(image.convert("RGB"), dtype=int)
    assert pixels.shape[1] == width
    paper = pixels[0, 0]
    margins = np.concatenate([pixels[:, :8], pixels[:, -8:]], axis=1)
    assert np.abs(margins - paper).max() <= 2
    red = (pixels[..., 0] > 180) & (pixels[..., 1:].max(2) < 80)
    across, down = red.any(0).sum(), red.any(1).sum()
    assert across > 0.4 * width and abs(down - 0.75 * across) < 0.03 * width
