"""Take docs' picture of the page's last step: three demo photos, protected as by default with a key that is there.

    python -m benchmarks.app_picture --key guise-demo/photos.guise-key --home /home/me/Guise --out docs/app-result.png

`guise demo` makes the key. The picture shows the paths below `--home`, which must not be there yet. Needs Chromium.
"""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import click
from PIL import Image
from playwright.sync_api import sync_playwright

from benchmarks.app import App
from guise.chameleon import demo

_PHOTOS, _SIZE = 3, {"width": 900, "height": 1600}
_HOUR = 3_600_000  # milliseconds
_SHOWN = "[...document.querySelectorAll('.card img')].slice(0, 6).every(image => image.complete && image.naturalWidth)"


@click.command()
@click.option("--key", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True)
@click.option("--home", type=click.Path(path_type=Path), required=True)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)
def main(key: Path, home: Path, out: Path) -> None:
    """Protect the photos on the page, and keep what it shows in OUT."""
    (home / "keys").mkdir(parents=True)
    shutil.copy(key, home / "keys" / "me.guise-key")
    with tempfile.TemporaryDirectory() as place, sync_playwright() as driver:
        demo.make_photos(Path(place) / "photos")
        app = App(home)
        chromium = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = chromium.new_page(viewport=_SIZE)
        page.set_default_timeout(_HOUR)
        page.goto(app.address)
        page.wait_for_selector("#choose:visible")
        page.set_input_files("#files", sorted((Path(place) / "photos").iterdir())[:_PHOTOS])
        page.click("#look:enabled")
        page.click("#people-form button.main")
        page.wait_for_selector("#done:visible")
        page.wait_for_function(_SHOWN)
        page.screenshot(path=out)
        chromium.close()
        app.stop()
    Image.open(out).convert("P", palette=Image.Palette.ADAPTIVE).save(out, optimize=True)


if __name__ == "__main__":
    main()
