"""Videos that cannot be protected: one clear line each, and nothing is left behind."""

from __future__ import annotations

import os
from pathlib import Path

import av
import numpy as np
import pytest

from guise.models.errors import ImageError
from guise.models.files import list_photos
from guise.models.files.videos import library
from guise.models.files.videos.kinds import sniff_video
from guise.models.files.videos.video import read_video
from guise.models.files.videos.writing import write_video
from tests.videos import build_video, waves

KEY = "76a6c65c5ea762046bd749a2e632ccbb"


def refused(path: Path) -> str:
    """What is said of a video that cannot be read, or not to its end."""
    out = path.parent / "out"
    with pytest.raises(ImageError) as error:
        write_video(out / path.name, read_video(path), lambda _: [])
    assert "\n" not in str(error.value) and path.name in str(error.value)
    assert not out.exists() or not list(out.iterdir())
    return str(error.value)


def test_what_is_no_video(tmp_path: Path) -> None:
    for name, data, said in (
        ("page.mp4", b"<!doctype html><title>Sign in</title>", "its content is no known video format; MP4, MOV, WebM"),
        ("empty.mov", b"", "it is empty"),
        ("old.avi", b"RIFF\x10\0\0\0AVI LIST", "AVI is not read; MP4, MOV, WebM and MKV are: convert it"),
        ("named.wmv", b"0123456789", "Windows Media is not read"),
        ("noise.webm", b"\x1a\x45\xdf\xa3" + bytes(range(200)), "it is damaged or cut short"),
        ("box.mp4", b"\0\0\0\x14ftypisom\0\0\0\0isom" + b"\0\0\0\x08free", "it is damaged or cut short"),
    ):
        path = tmp_path / name
        path.write_bytes(data)
        assert said in refused(path)
    assert [tmp_path / path for path in list_photos(tmp_path, videos=True).videos] == sorted(tmp_path.iterdir())
    os.mkfifo(tmp_path / "pipe.mp4")
    assert "it is no regular file" in refused(tmp_path / "pipe.mp4")


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.mov"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.95])
def test_cut_short(tmp_path: Path, name: str, share: float) -> None:
    whole = build_video(tmp_path / name, waves(24), container={"movflags": "faststart"} if name != "clip.mkv" else {})
    data = whole.read_bytes()
    whole.write_bytes(data[: int(share * len(data))])
    assert "cut short" in refused(whole)


def test_sound_alone_and_with_a_cover(tmp_path: Path) -> None:
    alone, cover = tmp_path / "alone.m4a", tmp_path / "cover.mp4"
    for path in (alone, cover):
        with av.open(str(path), "w", format="mp4") as file:
            track = file.add_stream("aac", rate=48000)
            track.codec_context.layout = "stereo"
            still = file.add_stream("mjpeg", rate=1) if path == cover else None
            if still is not None:
                still.codec_context.width, still.codec_context.height, still.codec_context.pix_fmt = 64, 64, "yuvj420p"
                still.disposition = av.stream.Disposition.attached_pic
            frame = av.AudioFrame.from_ndarray(np.zeros((2, 1024), np.float32), format="fltp", layout="stereo")
            frame.sample_rate, frame.pts = 48000, 0
            file.mux(track.encode(frame))
            file.mux(track.encode(None))
            if still is not None:
                picture = av.VideoFrame.from_ndarray(np.zeros((64, 64, 3), np.uint8), format="rgb24")
                file.mux(still.encode(picture.reformat(format="yuvj420p")))
                file.mux(still.encode(None))
    assert "it holds no moving picture, only sound: nothing to protect" in refused(alone)
    assert "it holds no moving picture, only sound and a still picture" in refused(cover)


def test_no_pictures_in_a_track_of_pictures(tmp_path: Path) -> None:
    path = build_video(tmp_path / "none.mkv", [])
    assert "it holds no picture that can be decoded" in refused(path)


def test_size_that_changes(tmp_path: Path) -> None:
    parts = [
        build_video(tmp_path / f"{n}.mkv", waves(6, *size), sound=False) for n, size in enumerate(((96, 128), (48, 64)))
    ]
    path = tmp_path / "both.mkv"
    with av.open(str(path), "w") as file, av.open(str(parts[0])) as first, av.open(str(parts[1])) as second:
        track = file.add_stream_from_template(first.streams.video[0])
        at = 0
        for source in (first, second):
            for packet in source.demux(video=0):
                if packet.size:
                    head = source.streams.video[0].codec_context.extradata
                    data = annex_b(head) + bytes(packet) if packet.is_keyframe else bytes(packet)
                    fresh = av.Packet(data)
                    fresh.stream, fresh.pts, fresh.dts, fresh.time_base = track, at, at, packet.time_base
                    fresh.is_keyframe = packet.is_keyframe
                    at += 40
                    file.mux(fresh)
    assert "its size changes from 128x96 to 64x48 pixels at 0." in refused(path)


def annex_b(extradata: bytes) -> bytes:
    """Parameter sets of an avcC record as length-prefixed units."""
    sets, at = b"", 5
    for mask in (0x1F, 0xFF):
        count = extradata[at] & mask
        at += 1
        for _ in range(count):
            length = int.from_bytes(extradata[at : at + 2], "big")
            sets += length.to_bytes(4, "big") + extradata[at + 2 : at + 2 + length]
            at += 2 + length
    return sets


def test_encrypted(tmp_path: Path) -> None:
    hidden = {"encryption_scheme": "cenc-aes-ctr", "encryption_key": KEY, "encryption_kid": KEY}
    path = build_video(tmp_path / "rented.mp4", waves(6), container=hidden)
    assert "it is encrypted (DRM)" in refused(path)


def test_damage_in_the_middle(tmp_path: Path) -> None:
    path = build_video(tmp_path / "clip.mp4", waves(40), sound=False)
    data = bytearray(path.read_bytes())
    middle = data.find(b"mdat") + 400
    data[middle : middle + 2000] = bytes(range(250)) * 8
    path.write_bytes(data)
    assert "it is damaged" in refused(path)


@pytest.mark.parametrize(
    ("height", "width", "codec"), [(2, 2, "libx264"), (1, 1, "libvpx-vp9"), (51, 33, "libvpx-vp9")]
)
def test_tiny_and_odd_sizes_are_written_as_they_are(tmp_path: Path, height: int, width: int, codec: str) -> None:
    path = build_video(
        tmp_path / "tiny.mkv", [pixels[:height, :width] for pixels in waves(3)], codec=codec, sound=False,
        options={"b": "0"} if "vp9" in codec else {},
    )  # fmt: skip
    write_video(tmp_path / "out/tiny.mkv", read_video(path), lambda _: [])
    assert read_video(tmp_path / "out/tiny.mkv").stored_size == (width, height)


def test_names_are_no_addresses(tmp_path: Path) -> None:
    for name in ("http:x.mp4", "concat:a.mp4|b.mp4", "100%d#t=1.mp4", "na\u00efve.mp4", os.fsdecode(b"\xff\xfe.mp4")):
        path = build_video(tmp_path / "plain.mp4", waves(2), sound=False)
        path.rename(tmp_path / name)
        write_video(tmp_path / "out" / name, read_video(tmp_path / name), lambda _: [])
        assert read_video(tmp_path / "out" / name).frames == 2


def test_kinds_are_told_by_content(tmp_path: Path) -> None:
    for name, kind in (("a.mp4", "MP4"), ("b.mov", "MOV"), ("c.mkv", "MKV"), ("d.webm", "WebM"), ("e.3gp", "3GP")):
        codec = "libvpx-vp9" if kind == "WebM" else "libx264"
        path = build_video(
            tmp_path / name, waves(2), codec=codec, sound=False, options={"b": "0"} if kind == "WebM" else {}
        )
        path = path.rename(tmp_path / f"{name}.bin")
        assert sniff_video(path.read_bytes()[:64]) == kind == read_video(path).kind
    assert sniff_video(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic") is None
    assert sniff_video(b"the moov of a sentence") is None


def test_a_missing_library_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = build_video(tmp_path / "clip.mp4", waves(2), sound=False)
    monkeypatch.setitem(__import__("sys").modules, "av", None)
    with pytest.raises(ImageError, match=r"cannot read .*clip.mp4: videos need PyAV, which is not here: `pip install"):
        read_video(path)
    assert library.pyav


def test_nothing_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name, codec in (("a.mov", "libx265"), ("b.mp4", "libsvtav1")):
        path = build_video(
            tmp_path / name,
            waves(3),
            codec=codec,
            options={"x265-params": "log-level=none"} if codec == "libx265" else {},
        )
        write_video(tmp_path / "out" / name, read_video(path), lambda _: [])
    assert capfd.readouterr() == ("", "")
