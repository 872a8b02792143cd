"""Copies of videos: what stays to the byte, what stays as it is shown, and what goes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from guise.models.errors import ImageError, OutputError
from guise.models.files import remove_stale
from guise.models.files.videos.pictures import picture_name, pictures_at, read_picture, sampled_names
from guise.models.files.videos.planes import Change
from guise.models.files.videos.video import read_video
from guise.models.files.videos.writing import Written, write_video
from tests.videos import build_video, packets_besides_pictures, picture_times, pixels_of, waves

UNEVEN = [0, 20, 47, 90, 100, 133, 160, 205, 230, 260, 301, 330]
KINDS = [
    ("clip.mp4", "libx264", {}),
    ("clip.mov", "libx265", {"options": {"x265-params": "log-level=none"}}),
    ("clip.mp4", "libsvtav1", {}),
    ("clip.webm", "libvpx-vp9", {"options": {"b": "0"}}),
    ("clip.mkv", "libx264", {}),
    ("clip.mov", "mpeg4", {}),
]


def nothing(_: int) -> list[Change]:
    return []


def written(video: Path, out: Path, changes=nothing, **how) -> Written:
    return write_video(out / video.name, read_video(video), changes, **how)


@pytest.mark.parametrize(("name", "codec", "how"), KINDS)
@pytest.mark.parametrize("rotation", [None, 90, 180])
def test_sound_subtitles_times_size_and_turning_stay(
    tmp_path: Path, name: str, codec: str, how: dict, rotation: float | None
) -> None:
    video = build_video(
        tmp_path / name, waves(12), codec=codec, times=UNEVEN, subtitles=["one", "two"], rotation=rotation, **how
    )
    done = written(video, tmp_path / "out")
    copy = tmp_path / "out" / name
    assert done.frames == 12 and done.changed == 0
    packets = packets_besides_pictures(video)
    assert len(packets) == 2 and packets_besides_pictures(copy) == packets
    assert picture_times(copy) == picture_times(video)
    before, after = read_video(video), read_video(copy)
    assert (before.kind, before.stored_size, before.size) == (after.kind, after.stored_size, after.size)
    assert before.turning == after.turning and (rotation is None) == (before.turning.matrix is None)
    assert before.codec == after.codec or codec == "mpeg4"
    assert before.duration == pytest.approx(after.duration, abs=0.06)
    assert not [path.name for path in copy.parent.iterdir() if path != copy]


def test_only_what_is_changed_differs_and_it_does_as_it_was_asked(tmp_path: Path) -> None:
    video = build_video(tmp_path / "clip.mp4", waves(9), rotation=90, options={"crf": "4"})
    levels = np.broadcast_to(np.array([14, -9, 6], np.int16), (30, 21, 3))
    part = slice(31, 61), slice(12, 33)  # of the picture as people see it: 96 wide, 128 high
    done = written(video, tmp_path / "out", lambda n: [Change(*part, levels)] if n % 3 == 0 else [])
    assert done.changed == 3
    for number, (before, after) in enumerate(zip(pixels_of(video), pixels_of(tmp_path / "out/clip.mp4"), strict=True)):
        difference = np.rot90(after.astype(int) - before)
        inside = difference[part][4:-4, 4:-4].mean((0, 1))
        assert inside == pytest.approx([14, -9, 6] if number % 3 == 0 else [0, 0, 0], abs=2.5)
        assert np.abs(difference[80:]).mean() < 2


def test_colours_are_told_as_in_the_original(tmp_path: Path) -> None:
    told = {"color_range": 2, "color_primaries": 9, "color_trc": 14, "colorspace": 9}
    video = build_video(tmp_path / "clip.mp4", waves(3), pixel_format="yuv420p10le", colours=told)
    written(video, tmp_path / "out")
    for path in (video, tmp_path / "out/clip.mp4"):
        with av.open(str(path)) as file:
            context = file.streams.video[0].codec_context
            assert {name: int(getattr(context, name)) for name in told} == told
            assert context.pix_fmt == "yuv420p10le"


def test_what_describes_the_file_goes_unless_it_is_asked_for(tmp_path: Path) -> None:
    words = {"location": "+48.1372+011.5755/", "title": "at home", "com.apple.quicktime.model": "phone"}
    build = {"metadata": words, "chapters": ["morning", "evening"], "container": {"movflags": "use_metadata_tags"}}
    video = build_video(tmp_path / "clip.mov", waves(6), **build)
    assert b"+48.1372" in video.read_bytes()
    written(video, tmp_path / "out")
    written(video, tmp_path / "all", keep_metadata=True)
    bare, full = (tmp_path / folder / "clip.mov" for folder in ("out", "all"))
    for text in (b"48.1372", b"at home", b"phone"):
        assert text not in bare.read_bytes() and text in full.read_bytes()
    for path in (bare, full):
        with av.open(str(path)) as file:
            assert [chapter["metadata"]["title"] for chapter in file.chapters()] == ["morning", "evening"]


def test_covers_and_further_pictures_are_left_out_and_fonts_stay(tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    with av.open(str(path), "w") as file:
        tracks = [file.add_stream("libx264", rate=25, options={"crf": "20"}) for _ in range(2)]
        for track in tracks:
            track.codec_context.width, track.codec_context.height = 128, 96
        file.add_attachment("letters.ttf", "font/ttf", b"a font")
        file.add_attachment("cover.jpg", "image/jpeg", b"a picture")
        for number, pixels in enumerate(waves(5)):
            for track in tracks:
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                frame.pts = number
                file.mux(track.encode(frame))
        for track in tracks:
            file.mux(track.encode(None))
    done = written(path, tmp_path / "out")
    assert set(done.left_out) == {"a second track of pictures", "a cover picture"}
    copy = tmp_path / "out/clip.mkv"
    with av.open(str(copy)) as file:
        assert [stream.type for stream in file.streams] == ["video", "attachment"]
    assert b"a font" in copy.read_bytes() and b"a picture" not in copy.read_bytes()


def test_nothing_is_left_where_writing_ends_early(tmp_path: Path) -> None:
    video = build_video(tmp_path / "clip.mp4", waves(12))
    out = tmp_path / "out"

    def interrupted(number: int) -> list[Change]:
        if number == 7:
            raise KeyboardInterrupt
        return []

    with pytest.raises(KeyboardInterrupt):
        written(video, out, interrupted)
    assert list(out.iterdir()) == []


def test_another_file_is_not_written_over(tmp_path: Path) -> None:
    video = build_video(tmp_path / "clip.mp4", waves(3))
    (tmp_path / "out").mkdir()
    (tmp_path / "out/clip.mp4").write_text("mine")
    with pytest.raises(ImageError, match="another file is there already"):
        written(video, tmp_path / "out", overwrite=False)
    assert (tmp_path / "out/clip.mp4").read_text() == "mine"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    video = build_video(tmp_path / "clip.mkv", waves(12))

    def onto_a_full_disk(path, flags, mode=0o777):
        if str(path).endswith("guise-tmp"):
            Path(path).symlink_to("/dev/full")
            return os.open("/dev/full", os.O_WRONLY)
        return real(path, flags, mode)

    real = os.open
    monkeypatch.setattr("guise.models.files.atomic.os.open", onto_a_full_disk)
    with pytest.raises(OutputError, match=r"cannot write .*clip.mkv: No space left on device; free some space"):
        written(video, tmp_path / "out")


def test_the_same_video_gives_the_same_bytes(tmp_path: Path) -> None:
    video = build_video(tmp_path / "clip.mp4", waves(12))
    written(video, tmp_path / "a")
    written(video, tmp_path / "b")
    assert (tmp_path / "a/clip.mp4").read_bytes() == (tmp_path / "b/clip.mp4").read_bytes()


def test_permissions_and_time_of_change_stay(tmp_path: Path) -> None:
    video = build_video(tmp_path / "clip.mp4", waves(3))
    video.chmod(0o640)
    os.utime(video, ns=(10**18, 10**18))
    written(video, tmp_path / "out")
    status = (tmp_path / "out/clip.mp4").stat()
    assert (status.st_mode & 0o777, status.st_mtime_ns) == (0o640, 10**18)


def test_a_kill_leaves_no_half_copy_and_the_next_run_writes_the_same(tmp_path: Path) -> None:
    video = build_video(tmp_path / "clip.mp4", waves(40))
    written(video, tmp_path / "whole")
    program = """if True:
        import os, signal, sys
        from pathlib import Path
        from guise.models.files.videos.video import read_video
        from guise.models.files.videos.writing import write_video
        def changes(number):
            if number == int(sys.argv[3]):
                os.kill(os.getpid(), signal.SIGKILL)
            return []
        write_video(Path(sys.argv[2]), read_video(Path(sys.argv[1])), changes)
    """
    copy = tmp_path / "out" / "clip.mp4"
    for at in (0, 25, 39):
        ended = subprocess.run([sys.executable, "-c", program, str(video), str(copy), str(at)], check=False)
        assert ended.returncode == -signal.SIGKILL and not copy.exists()
    assert len(remove_stale(copy.parent)) == 3 and not list(copy.parent.iterdir())
    written(video, copy.parent)
    assert copy.read_bytes() == (tmp_path / "whole/clip.mp4").read_bytes()


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "live.webm"])
def test_single_pictures_are_found_by_their_time(tmp_path: Path, name: str) -> None:
    how = {"codec": "libvpx-vp9", "options": {"b": "0"}, "container": {"live": "1"}} if name == "live.webm" else {}
    path = build_video(tmp_path / name, waves(24), **how)
    times, pixels = picture_times(path), pixels_of(path)
    video = read_video(path)
    wanted = [Fraction(pts) * base for pts, base in times][3::5]
    for time, picture, expected in zip(wanted, pictures_at(video, wanted), pixels[3::5], strict=True):
        assert picture.time == time and np.array_equal(picture.pixels(), expected)
        named = read_picture(picture_name(path, time))
        assert np.array_equal(named.pixels, expected)
    assert len(sampled_names(Path(name), video, 5)) == 5
    assert len({read_picture(tmp_path / one).sha256 for one in sampled_names(Path(name), video, 5)}) == 5
