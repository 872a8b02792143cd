"""Measure the page of `guise app`: how soon it is there, what it weighs, how often it hears news, how it scrolls.

    python -m benchmarks.app                                # first page, memory, news, 1,000 thumbnails
    python -m benchmarks.app --key photos.guise-key         # and the preview; `guise demo` makes this key

Linux with Chromium. Photos are made of the packaged portrait. On a busy machine look at the seconds of the processor.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from itertools import pairwise
from pathlib import Path
from typing import Any

import click
from playwright.sync_api import sync_playwright

from benchmarks.app_scrolling import scrolling
from benchmarks.provenance import code_version, environment
from guise.chameleon import demo

_THUMBNAILS = 1000


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
        tab.set_default_timeout(600_000)  # a busy machine is no failure
        tab.wait_for_selector("#choose:visible")
        tab.set_input_files("#files", sorted(photos.iterdir()))
        tab.click("#look:enabled")
        tab.wait_for_selector("#people:visible")
        times = tab.evaluate("window.times")
        gaps = [later - before for before, later in pairwise(times)]
        told["news"] = {"longest_gap_ms": max(gaps), "messages": len(times)}
        if key is not None:
            before, begun = app.processor(app.worker()), time.monotonic()
            tab.wait_for_selector("#preview-picture img", state="visible")
            told["preview"] = {"seconds": time.monotonic() - begun, "processor": app.processor(app.worker()) - before}
    told["server_mb"] = app.megabytes()
    app.stop()
    return told


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
        told = {"first_page": first_page(place, tries), "scrolling": scrolling(_THUMBNAILS), **job(place, key)}
    where = {"code": code_version(), "cores_used": len(os.sched_getaffinity(0)), "environment": environment()}
    text = json.dumps({**where, **told}, indent=1)
    click.echo(text)
    if out is not None:
        out.write_text(f"{text}\n")


if __name__ == "__main__":
    main()
