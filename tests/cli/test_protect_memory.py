"""Photos of 108 and 200 megapixels within 2 GiB: the peak of the whole process, and of what it starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from guise.chameleon.demo import portrait

# The peak of a process is what Linux calls its high water mark. `getrusage` counts what it was forked from as well.
RUN = """
import sys, threading
from pathlib import Path
from guise.cli.main import protect_main

def peak(process):
    lines = Path(f"/proc/{process}/status").read_text().splitlines()
    return next((int(line.split()[1]) for line in lines if line.startswith("VmHWM")), 0)

def watch():
    while not over.wait(0.05):
        for child in Path("/proc/self/task", str(threading.main_thread().native_id), "children").read_text().split():
            try:
                if b"child.py" in Path(f"/proc/{child}/cmdline").read_bytes():
                    children.append(peak(child))
            except OSError:
                pass

over, children = threading.Event(), [0]
threading.Thread(target=watch, daemon=True).start()
try:
    protect_main()
finally:
    over.set()
    print(peak("self"), max(children), file=sys.stderr)
"""
SIZES = {"108": (12_000, 9_000), "200, turned": (16_320, 12_240)}


def _picture(width: int, height: int) -> Image.Image:
    """The portrait on a large smooth picture."""
    spots = np.random.default_rng(0).integers(60, 200, (height // 200, width // 200, 3), dtype=np.uint8)
    large = Image.fromarray(spots).resize((width, height), Image.Resampling.BICUBIC)
    large.paste(Image.fromarray(portrait()).resize((3600, 3600)), (width // 2 - 1800, height // 2 - 2400))
    return large


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux to measure a process")
@pytest.mark.parametrize("size", SIZES)
def test_the_largest_photos_take_less_than_two_gibibytes(
    size: str, photos: Path, out: Path, key: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    exif = Image.Exif()
    exif[274] = 3 if "turned" in size else 1
    _picture(*SIZES[size]).rotate(180 if "turned" in size else 0).save(photos / "a.jpg", quality=80, exif=exif)
    options = ["--user-photos", photos, "--out", out, "--key", key, "--refine", "0", "--offline"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    run = [sys.executable, "-c", RUN, *map(str, options)]
    done = subprocess.run(run, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    peak, of_blocks = (int(kibibytes) for kibibytes in done.stderr.split()[-2:])
    print(f"{size} megapixels: {peak / 1024:.0f} MiB, and to change blocks of the JPEG {of_blocks / 1024:.0f} MiB")
    with Image.open(out / "a.jpg") as copy:
        assert copy.size == SIZES[size]
    assert peak < 2 * 2**20 and of_blocks < 2 * 2**20
