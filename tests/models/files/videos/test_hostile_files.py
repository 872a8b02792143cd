"""Broken and hostile videos: each is read and written again, or refused in one line, and nothing half-written stays.

The fast test breaks some dozens of files; `-m slow` breaks 5,000.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from guise.models.errors import ImageError, OutputError
from guise.models.files.videos.video import read_video
from guise.models.files.videos.writing import write_video
from tests.broken import broken
from tests.videos import build_video, waves

KINDS = {"a.mp4": "libx264", "b.mov": "libx265", "c.mkv": "libx264", "d.webm": "libvpx-vp9", "e.mp4": "libsvtav1"}


def sound_files(folder: Path) -> list[bytes]:
    """Small clips of all kinds: with sound, subtitles, turning, many keys, an index in front, and of one pixel."""
    files = []
    for name, codec in KINDS.items():
        quiet = {"x265-params": "log-level=none"} if codec == "libx265" else {}
        quiet |= {"b": "0"} if "vp9" in codec else {}
        build_video(folder / name, waves(6), codec=codec, options=quiet, subtitles=["one"])
        files.append((folder / name).read_bytes())
        faststart = {"movflags": "faststart"} if name.endswith((".mp4", ".mov")) else {}
        size = 64 if codec == "libsvtav1" else 48
        clip = waves(4, size, 64)
        build_video(folder / name, clip, codec=codec, options=quiet, sound=False, rotation=90, container=faststart)
        files.append((folder / name).read_bytes())
    fragments = {"movflags": "frag_keyframe+empty_moov"}
    build_video(folder / "f.mp4", waves(6), options={"g": "1"}, container=fragments)
    build_video(
        folder / "g.mkv", [np.zeros((1, 1, 3), np.uint8)] * 2, codec="libvpx-vp9", options={"b": "0"}, sound=False
    )
    return files + [(folder / name).read_bytes() for name in ("f.mp4", "g.mkv")]


def check(data: bytes, folder: Path) -> bool:
    """Whether a file is read to its end; then a copy of it opens again."""
    source, out = folder / "original", folder / "out"
    source.write_bytes(data)
    try:
        video = read_video(source)
        written = write_video(out / "copy", video, lambda _: [], overwrite=True)
    except (ImageError, OutputError) as error:
        assert str(error).startswith("cannot ") and "\n" not in str(error)
        assert not out.exists() or not list(out.iterdir())
        return False
    assert source.read_bytes() == data
    assert [path.name for path in out.iterdir()] == ["copy"]
    assert written.frames > 0 and read_video(out / "copy").stored_size == video.stored_size
    (out / "copy").unlink()
    return True


def run(count: int, seed: int, folder: Path) -> float:
    """The share of broken files that are read all the same."""
    files = sound_files(folder)
    return float(np.mean([check(data, folder) for data in broken(files, count, seed)]))


def test_sound_files_are_all_read(tmp_path: Path) -> None:
    assert all(check(data, tmp_path) for data in sound_files(tmp_path))


def test_some_dozens_of_broken_videos_are_read_or_refused(tmp_path: Path) -> None:
    assert 0.05 < run(60, 0, tmp_path) < 0.95


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_five_thousand_broken_videos_are_read_or_refused(tmp_path: Path) -> None:
    assert 0.05 < run(5000, 1, tmp_path) < 0.95
