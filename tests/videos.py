"""Videos that tests build for themselves: pictures, a sine tone, subtitles, any turning and any times."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from guise.models.files.videos.library import pyav

_SOUND = {".webm": "libopus"}
_SUBTITLES = {".mp4": "mov_text", ".mov": "mov_text", ".mkv": "srt", ".webm": "webvtt"}
TICKS = 600  # a second, of the times of pictures

Packets = dict[int, list[tuple[Any, ...]]]


def build_video(
    path: Path,
    pictures: Iterable[np.ndarray],
    *,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    times: Sequence[int] | None = None,
    sound: bool = True,
    subtitles: Sequence[str] = (),
    rotation: float | None = None,
    mirrored: bool = False,
    metadata: Mapping[str, str] | None = None,
    chapters: Sequence[str] = (),
    options: Mapping[str, str] | None = None,
    container: Mapping[str, str] | None = None,
    colours: Mapping[str, int] | None = None,
) -> Path:
    """Write a video; `times` are in ticks of 1/600 s, by default 25 pictures a second."""
    pyav()
    pictures = list(pictures)
    times = [at * TICKS // 25 for at in range(len(pictures))] if times is None else times
    with av.open(str(path), "w", options=dict(container or {})) as file:
        track = file.add_stream(codec, rate=25, options={"crf": "20", "g": "10", **(options or {})})
        context = track.codec_context
        if pictures:
            context.height, context.width = pictures[0].shape[:2]
        else:
            context.height, context.width = 64, 64
        context.pix_fmt, context.time_base = pixel_format, Fraction(1, TICKS)
        for name, value in (colours or {}).items():
            setattr(context, name, value)
        if rotation is not None:
            track.set_display_rotation(rotation, hflip=mirrored)
        file.metadata.update(metadata or {})
        tone = _tone_track(file, path) if sound else None
        words = file.add_mux_stream(_SUBTITLES[path.suffix], 1) if subtitles else None
        if words is not None:
            words.time_base = Fraction(1, 1000)
        if chapters:
            file.set_chapters(
                [
                    {"id": n, "start": 1000 * n, "end": 1000 * n + 1000, "time_base": Fraction(1, 1000),
                     "metadata": {"title": title}}
                    for n, title in enumerate(chapters)
                ]
            )  # fmt: skip
        file.start_encoding()
        for pixels, time in zip(pictures, times, strict=True):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            for name, value in (colours or {}).items():
                if name in ("colorspace", "color_range"):
                    setattr(frame, name, value)
            frame.pts, frame.time_base = time, Fraction(1, TICKS)
            file.mux(track.encode(frame))
        file.mux(track.encode(None))
        seconds = (times[-1] if times else 0) / TICKS + 0.04
        if tone is not None:
            _write_tone(file, tone, seconds)
        for number, text in enumerate(subtitles):
            data = text.encode()
            packet = av.Packet(len(data).to_bytes(2, "big") + data if path.suffix in (".mp4", ".mov") else data)
            packet.stream, packet.time_base = words, Fraction(1, 1000)
            packet.pts = packet.dts = 100 + 300 * number
            packet.duration = 200
            file.mux(packet)
    return path


def _tone_track(file: Any, path: Path) -> Any:
    track = file.add_stream(_SOUND.get(path.suffix, "aac"), rate=48000)
    track.codec_context.layout = "stereo"
    return track


def _write_tone(file: Any, track: Any, seconds: float) -> None:
    samples = np.sin(np.arange(int(48000 * seconds)) * (2 * np.pi * 440 / 48000)).astype(np.float32) / 3
    for start in range(0, len(samples), 960):
        part = np.stack([samples[start : start + 960]] * 2)
        form = track.codec_context.format.name
        if form == "s16":  # Opus takes whole numbers, both channels in turn
            part = np.rint(32767 * part.T).astype(np.int16).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(part, format=form, layout="stereo")
        frame.sample_rate, frame.pts, frame.time_base = 48000, start, Fraction(1, 48000)
        file.mux(track.encode(frame))
    file.mux(track.encode(None))


def packets_besides_pictures(path: Path) -> Packets:
    """Times and bytes of all packets of sound and subtitles, by the order of their tracks."""
    found: Packets = {}
    with av.open(str(path)) as file:
        kept = [stream for stream in file.streams if stream.type in ("audio", "subtitle")]
        for packet in file.demux(kept):
            if packet.size:
                facts = (packet.pts, packet.dts, packet.duration, packet.time_base, bytes(packet))
                found.setdefault(kept.index(packet.stream), []).append(facts)
    return found


def picture_times(path: Path) -> list[tuple[int, Fraction]]:
    """When each picture is shown, and in which unit."""
    with av.open(str(path)) as file:
        return [(frame.pts, frame.time_base) for frame in file.decode(video=0)]


def pixels_of(path: Path) -> list[np.ndarray]:
    """All pictures as they are stored, uint8 (H, W, 3) RGB."""
    with av.open(str(path)) as file:
        return [frame.to_ndarray(format="rgb24") for frame in file.decode(video=0)]


def waves(count: int, height: int = 96, width: int = 128) -> list[np.ndarray]:
    """Smooth pictures that move."""
    y, x = np.mgrid[:height, :width]
    return [
        np.stack([120 + 60 * np.sin((x + 3 * n) / 17), 120 + 60 * np.sin((y - n) / 13), 90 + n + 0 * x], 2).astype(
            np.uint8
        )
        for n in range(count)
    ]
