"""Measure the page of `guise app`: how soon it is there, what it weighs, how often it hears news, how it scrolls.

    python -m benchmarks.app                                # first page, memory, news, 1,000 thumbnails
    python -m benchmarks.app --key photos.guise-key         # and the preview; `guise demo` makes this key

Linux with Chromium. Photos are made of the packaged portrait. On a busy machine look at the seconds of the processor.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
import uvicorn
from PIL import Image
from playwright.sync_api import sync_playwright

from benchmarks.provenance import code_version, environment
from guise.chameleon import demo
from guise.cli.app.server.guard import Guard
from guise.cli.app.server.routes import page
from guise.cli.app.settings import Settings
from guise.cli.app.tabs.session import Session
from guise.cli.app.worker.pictures import SMALL

_THUMBNAILS = 1000
_SCROLL = """() => new Promise(done => {
  const gaps = []; let last = performance.now();
  const step = now => {
    gaps.push(now - last); last = now;
    window.scrollBy(0, 120);
    if (window.scrollY + window.innerHeight < document.documentElement.scrollHeight - 1 && gaps.length < 6000) {
      requestAnimationFrame(step);
    } else { done(gaps); }
  };
  requestAnimationFrame(step);
})"""


class App:
    """The program, and a way to ask it."""

    def __init__(self, home: Path) -> None:
        command = [sys.executable, "-m", "guise", "app", "--no-browser", "--home", str(home), "--device", "cpu"]
        self.begun = time.monotonic()
        self.process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        assert self.process.stdout is not None
        self.address = self.process.stdout.readline().strip()

    def processor(self, pid: int | None = None) -> float:
        """Seconds of the processor that a process has used."""
        fields = Path(f"/proc/{pid or self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def worker(self) -> int:
        """Process number of the worker that it has started."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return int(children[0])

    def megabytes(self) -> float:
        """What the server process holds in memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) / 1000

    def stop(self) -> None:
        self.process.terminate()
        self.process.communicate()


def first_page(place: Path, tries: int) -> list[dict[str, float]]:
    """Seconds from the command to the page, by the clock and by the server's processor."""
    told = []
    for number in range(tries):
        app = App(place / f"first-{number}")
        with urllib.request.urlopen(app.address) as answer:
            answer.read()
        told.append({"seconds": time.monotonic() - app.begun, "processor": app.processor()})
        app.stop()
    return told


def job(place: Path, key: Path | None) -> dict[str, Any]:
    """News while faces are looked for, the preview, and the server's memory after it all."""
    photos = place / "photos"
    demo.make_photos(photos)
    home = place / "home"
    if key is not None:
        (home / "keys").mkdir(parents=True)
        shutil.copy(key, home / "keys" / "me.guise-key")
    app = App(home)
    told: dict[str, Any] = {}
    with sync_playwright() as driver:
        tab = _tab(driver, app.address)
        tab.evaluate(
            "window.times = []; new EventSource('/events').addEventListener("
            "'message', () => window.times.push(performance.now()))"
        )
        tab.set_input_files("#files", sorted(photos.iterdir()))
        tab.click("#look:enabled")
        tab.wait_for_selector("#people:visible", timeout=600_000)
        times = tab.evaluate("window.times")
        gaps = [later - before for before, later in pairwise(times)]
        told["news"] = {"longest_gap_ms": max(gaps), "messages": len(times)}
        if key is not None:
            before, begun = app.processor(app.worker()), time.monotonic()
            tab.wait_for_selector("#preview-picture img", state="visible", timeout=600_000)
            told["preview"] = {"seconds": time.monotonic() - begun, "processor": app.processor(app.worker()) - before}
    told["server_mb"] = app.megabytes()
    app.stop()
    return told


class _Idle:
    """In the place of the worker process: nothing is done."""

    def __init__(self, *_: Any) -> None:
        pass

    async def close(self) -> None:
        pass


def scrolling(place: Path) -> dict[str, float]:
    """Frames while a gallery of many photos is scrolled from top to bottom."""
    session = Session(Settings(home=place / "nobody"), place, worker=_Idle)  # type: ignore[arg-type]
    picture = Image.fromarray(demo.portrait()).resize((SMALL, SMALL))
    for number in range(_THUMBNAILS):
        photo = {
            "photo": f"{number}.jpg",
            "path": f"{number}.jpg",
            "status": "protected",
            "view": str(number),
            "at": None,
        }
        for side in ("before", "after"):
            file = session.photos.views / f"{number}-{side}-small.jpg"
            if number:
                os.link(session.photos.views / f"0-{side}-small.jpg", file)
            else:
                picture.save(file)
        measured = {"reason": "", "notes": [], "recognisers": ["dlib-resnet"], "linked_by": []}
        session.feed.photos.append({**photo, **measured})
    config = uvicorn.Config(
        Guard(page(session, lambda: server.should_exit), port=8799, token="t"), port=8799, log_level="error"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    while not server.started:
        time.sleep(0.05)
    with sync_playwright() as driver:
        tab = _tab(driver, "http://127.0.0.1:8799/?token=t")
        tab.wait_for_selector(f".card >> nth={_THUMBNAILS - 1}", state="attached", timeout=600_000)
        gaps = sorted(tab.evaluate(_SCROLL)[1:])
    server.should_exit = True
    thread.join()
    return {
        "frames": len(gaps),
        "median_ms": gaps[len(gaps) // 2],
        "p99_ms": gaps[int(len(gaps) * 0.99)],
        "longest_ms": gaps[-1],
        "over_50_ms": sum(gap > 50 for gap in gaps) / len(gaps),
    }


def _tab(driver: Any, address: str) -> Any:
    chromium = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
    tab = chromium.new_page(viewport={"width": 1200, "height": 800})
    tab.goto(address)
    return tab


@click.command()
@click.option("--key", type=click.Path(dir_okay=False, exists=True, path_type=Path), help="The portrait's key.")
@click.option("--tries", type=click.IntRange(1), default=5, show_default=True, help="Starts of the program.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="JSON file.")
def main(key: Path | None, tries: int, out: Path | None) -> None:
    """Measure the page of `guise app`."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        told = {"first_page": first_page(place, tries), "scrolling": scrolling(place), **job(place, key)}
    text = json.dumps({"code": code_version(), "environment": environment(), **told}, indent=1)
    click.echo(text)
    if out is not None:
        out.write_text(f"{text}\n")


if __name__ == "__main__":
    main()
