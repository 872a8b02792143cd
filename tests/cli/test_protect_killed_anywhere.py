"""`protect` killed at random moments: originals stay, copies are whole or absent, and in the end all is there.

Which moments these are turns on the machine; what must hold, holds at all of them.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
import tifffile

from tests.cli.command_line import hashes, unfinished
from tests.videos import build_video

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")

PROTECT = "from guise.cli.main import protect_main; protect_main()"


def started(photos: Path, out: Path, key: Path) -> subprocess.Popen[bytes]:
    options = ["--user-photos", photos, "--out", out, "--key", key, "--device", "cpu", "--offline"]
    command = [sys.executable, "-c", PROTECT, *options, "--refine", "2", "--patience", "0"]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


@pytest.fixture
def everything(photos: Path, head) -> Path:
    """A photo of each way in which copies are written, and a video."""
    for name in ("a.png", "b.jpg", "c.webp", "d.gif"):
        head.save(photos / name)
    deep = np.asarray(head).astype(np.uint16) * 257
    tifffile.imwrite(photos / "e.tif", deep, photometric="rgb")
    heif = pillow_heif.from_bytes("RGB;16", head.size, deep.tobytes())
    heif.save(photos / "f.heic", quality=90, bit_depth=10)
    build_video(photos / "g.mp4", [np.roll(np.asarray(head), n, axis=1) for n in range(6)])
    return photos


def copied(key: Path, name: str) -> Path:
    """The key in a folder of its own: what one run writes next to it is not for another."""
    folder = key.parent / name
    folder.mkdir()
    return Path(shutil.copy(key, folder / key.name))


def killed(everything: Path, key: Path, folder: Path, kills: int, seed: int) -> int:
    """Kill runs on the same folders, time and again, then let one finish; how many were killed."""
    originals, random = hashes(everything), np.random.default_rng(seed)
    begun = time.monotonic()
    assert started(everything, folder / "undisturbed", copied(key, "undisturbed")).wait() == 0
    seconds = time.monotonic() - begun
    whole = hashes(folder / "undisturbed")
    assert len(whole) == len(originals)
    number = hit = 0
    while hit < kills:
        out, own = folder / f"copies {number}", copied(key, str(number))
        number += 1
        for _ in range(int(random.integers(1, 6))):
            process = started(everything, out, own)
            time.sleep(random.uniform(0.3, 1) * seconds)
            process.kill()
            hit += process.wait() != 0
            assert hashes(everything) == originals
            left = {str(path.relative_to(out)) for path in unfinished(out)}
            copies = {name: hash_ for name, hash_ in hashes(out).items() if name not in left}
            assert copies.items() <= whole.items()
        assert started(everything, out, own).wait() == 0
        assert hashes(out) == whole and not unfinished(folder)
    return hit


@pytest.mark.slow
@pytest.mark.timeout(14400)
def test_killed_fifty_times_further_runs_end_as_if_never_killed(everything, key, tmp_path) -> None:
    assert killed(everything, key, tmp_path, 50, seed=1) >= 50
