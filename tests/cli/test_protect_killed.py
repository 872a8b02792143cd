"""`protect` stopped at its worst moments: nothing half-written stays, and a second run ends as if never stopped."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import ImageOps

from tests.cli.command_line import call, hashes, unfinished

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")

# Counts the program's own steps, so that it ends at the same moment on every machine.
STOP = """
import os, signal, sys
from pathlib import Path

moment, number, count = sys.argv[1], getattr(signal, sys.argv[2]), 0
replace = os.replace

def last(path, *, of):
    global count
    count += ".png" in str(path)
    return count == of

def before_renaming(source, target):
    if moment == "before renaming" and last(target, of=2):
        os.kill(os.getpid(), number)
    replace(source, target)

os.replace = before_renaming
from guise.models.files import Manifest
write = Manifest._write

def half(self, line):
    # Each photo has two: that the copy is ours, and what it is like.
    line_of_the_second = {"half its first line": 3, "half its second line": 4}.get(moment)
    if line_of_the_second and self.path.name.endswith(".manifest") and last(".png", of=line_of_the_second):
        with open(self.path, "ab") as file:
            file.write(line[: len(line) // 2])
        os.kill(os.getpid(), number)
    write(self, line)

Manifest._write = half
from guise.cli.main import protect_main
sys.argv = ["protect", *sys.argv[3:]]
protect_main()
"""


def stopped(moment: str, name: str, photos: Path, out: Path, key: Path) -> subprocess.CompletedProcess[str]:
    options = ["--user-photos", photos, "--out", out, "--key", key, "--device", "cpu", "--offline"]
    options += ["--refine", "2", "--patience", "0"]
    return subprocess.run(
        [sys.executable, "-c", STOP, moment, name, *options], capture_output=True, text=True, check=False
    )


@pytest.fixture
def three(photos, head):
    head.save(photos / "a.png")
    ImageOps.mirror(head).save(photos / "b.png")
    (photos / "c").mkdir()
    head.crop((20, 0, 270, 260)).save(photos / "c" / "c.png")
    return photos


def copies(out: Path) -> dict[str, str]:
    return hashes(out)


@pytest.mark.parametrize("moment", ["before renaming", "half its first line", "half its second line"])
def test_killed_and_run_again_gives_the_files_of_an_undisturbed_run(protect, three, out, key, tmp_path, moment):
    originals = hashes(three)
    assert stopped(moment, "SIGKILL", three, out, key).returncode == -9
    assert hashes(three) == originals
    assert len(copies(out)) - len(unfinished(out)) == (1 if moment == "before renaming" else 2)
    assert bool(unfinished(out)) is (moment == "before renaming")
    again = protect("--json")  # checks that no temporary file stays
    assert again.code == 0 and again.photo("a.png")["status"] == "skipped"
    assert again.photo("b.png")["status"] == "protected"
    assert protect("--out", tmp_path / "undisturbed").code == 0
    assert copies(out) == copies(tmp_path / "undisturbed") and len(copies(out)) == 3
    assert {photo["status"] for photo in protect("--json").report["photos"]} == {"skipped"}


def test_asked_to_stop_it_cleans_up_and_says_how_to_go_on(protect, three, out, key):
    originals = hashes(three)
    done = stopped("before renaming", "SIGTERM", three, out, key)
    assert done.returncode == 130 and done.stdout.count("protected") == 1
    assert done.stderr.strip() == "Stopped. What was finished is kept; run the same command again to go on."
    assert hashes(three) == originals and unfinished(out) == [] and len(copies(out)) == 1
    statuses = [photo["status"] for photo in protect("--json").report["photos"]]
    assert statuses == ["skipped", "protected", "protected"]


def test_leftovers_of_the_key_and_of_the_picture_are_cleared_away_and_no_others(photos, out, key, head):
    from guise.cli.protect import protect as command

    head.save(photos / "a.png")
    left = [
        key.with_name(f".{key.name}.0123abcd.guise-tmp"),
        key.with_name(f".{out.name}-before-after.png.89abcdef.guise-tmp"),
    ]
    other = key.with_name(".another.0123abcd.guise-tmp")
    for file in (*left, other):
        file.write_bytes(b"half")
    assert call(command, "--user-photos", photos, "--out", out, "--key", key, "--device", "cpu").code == 0
    assert [file.exists() for file in (*left, other)] == [False, False, True]
