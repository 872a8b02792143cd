"""Measure what it costs to scroll a gallery of `guise app` with many photos from top to bottom.

    python -m benchmarks.app_scrolling                       # this checkout
    python -m benchmarks.app_scrolling --against CHECKOUT --out benchmarks/results/app_scrolling.json    # two, in turns

On a busy machine frames come late whatever the page does. Then look at `main_thread_ms`: the processor's time that the
page's main thread takes for a frame. A browser shows 60 frames a second if it is below 16.
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
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click
import numpy as np
import uvicorn
from PIL import Image
from playwright.sync_api import sync_playwright

from benchmarks.provenance import commit_of, environment
from guise.chameleon import demo
from guise.cli.app.server.guard import Guard
from guise.cli.app.server.routes import page
from guise.cli.app.settings import Settings
from guise.cli.app.tabs.session import Session
from guise.cli.app.worker import pictures

_LARGE = 1024  # pixels of a photo that the gallery's pictures are made of
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
_PARTS = {
    "main_thread_ms": "TaskDuration",
    "layout_ms": "LayoutDuration",
    "styles_ms": "RecalcStyleDuration",
    "script_ms": "ScriptDuration",
}


class _Idle:
    """In the place of the worker process: nothing is done."""

    def __init__(self, *_: Any) -> None:
        pass

    async def close(self) -> None:
        pass


def scrolling(photos: int) -> dict[str, float]:
    """Scroll from top to bottom.

    Args:
        photos: how many the gallery has.

    Returns:
        Frames, the milliseconds between them, and by frame the milliseconds of the processor: of the page's main
        thread, of its layout, styles and scripts, and of all of Chromium's processes.
    """
    with tempfile.TemporaryDirectory() as name, _gallery(Path(name), photos) as address, sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        tab = chromium.new_page(viewport={"width": 1200, "height": 800})
        tab.goto(address)
        tab.wait_for_selector(f".card >> nth={photos - 1}", state="attached", timeout=600_000)
        browser, inside = chromium.new_browser_cdp_session(), tab.context.new_cdp_session(tab)
        inside.send("Performance.enable", {"timeDomain": "threadTicks"})  # time of the processor, not of the clock

        def spent() -> dict[str, float]:
            told = {entry["name"]: entry["value"] for entry in inside.send("Performance.getMetrics")["metrics"]}
            processes = browser.send("SystemInfo.getProcessInfo")["processInfo"]
            parts = {part: told[metric] for part, metric in _PARTS.items()}
            return {**parts, "chromium_ms": sum(process["cpuTime"] for process in processes), "nodes": told["Nodes"]}

        before = spent()
        gaps = sorted(tab.evaluate(_SCROLL)[1:])
        after = spent()
        chromium.close()
    each = {part: 1000 * (after[part] - before[part]) / len(gaps) for part in before if part.endswith("_ms")}
    return {
        "frames": len(gaps),
        "median_ms": gaps[len(gaps) // 2],
        "p99_ms": gaps[int(len(gaps) * 0.99)],
        "longest_ms": gaps[-1],
        "over_50_ms": sum(gap > 50 for gap in gaps) / len(gaps),
        **each,
        "nodes": before["nodes"],
    }


@contextmanager
def _gallery(place: Path, photos: int) -> Iterator[str]:
    """The address of a page on which a job is done."""
    session = Session(Settings(home=place / "nobody"), place, worker=_Idle)  # type: ignore[arg-type]
    views = session.photos.views
    pixels = np.asarray(Image.fromarray(demo.portrait()).resize((_LARGE, _LARGE)))
    sizes = {"small": pictures.SMALL, "medium": getattr(pictures, "MEDIUM", pictures.SMALL)}  # earlier versions: one
    for number in range(photos):
        for side in ("before", "after"):
            for size, longest in sizes.items():
                file = views / f"{number}-{side}-{size}.jpg"
                if number:
                    os.link(views / f"0-{side}-{size}.jpg", file)
                else:
                    pictures.draw(pixels, file, longest=longest)
        told = {"photo": f"{number}.jpg", "path": f"{number}.jpg", "status": "protected", "reason": "", "notes": []}
        shown = {"view": str(number), "at": None, "recognisers": ["dlib-resnet"], "linked_by": []}
        session.feed.photos.append({**told, **shown})
    config = uvicorn.Config(
        Guard(page(session, lambda: server.should_exit), port=8799, token="t"), port=8799, log_level="error"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()))
    thread.start()
    while not server.started:
        time.sleep(0.05)
    try:
        yield "http://127.0.0.1:8799/?token=t"
    finally:
        server.should_exit = True
        thread.join()


def in_turns(checkouts: list[Path], *, photos: int, rounds: int) -> list[dict[str, Any]]:
    """Measure several checkouts of Guise, so that the machine's other work falls on all.

    Args:
        checkouts: their folders.
        photos: as of `scrolling`.
        rounds: times that each is measured.

    Returns:
        As of `scrolling` for each time, with its `round` and its `page`, the commit of the checkout.
    """
    told = []
    for turn in range(rounds):
        for checkout in checkouts:
            command = [sys.executable, "-m", "benchmarks.app_scrolling", "--photos", str(photos)]
            where = {**os.environ, "PYTHONPATH": str(checkout / "scripts" / "namespace")}
            ran = subprocess.run(command, env=where, stdout=subprocess.PIPE, check=True)
            told.append({"round": turn, "page": commit_of(checkout), **json.loads(ran.stdout)})
            click.echo(json.dumps(told[-1]), err=True)
    return told


@click.command()
@click.option("--photos", type=click.IntRange(2), default=1000, show_default=True)
@click.option("--against", type=click.Path(file_okay=False, exists=True, path_type=Path), help="Another checkout.")
@click.option("--rounds", type=click.IntRange(1), default=3, show_default=True, help="With --against.")
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="JSON file, with the machine.")
def main(photos: int, against: Path | None, rounds: int, out: Path | None) -> None:
    """Measure the scrolling of the gallery."""
    checkouts = [] if against is None else [against.resolve(), Path(__file__).parents[1]]
    told: Any = in_turns(checkouts, photos=photos, rounds=rounds) if checkouts else scrolling(photos)
    click.echo(json.dumps(told, indent=1))
    if out is not None:
        used = len(os.sched_getaffinity(0))  # of the machine's cores
        where = {"photos": photos, "commit": commit_of(Path(__file__).parents[1]), "cores_used": used}
        where["environment"] = environment()
        out.write_text(f"{json.dumps({**where, 'scrolling': told}, indent=1)}\n")


if __name__ == "__main__":
    main()
