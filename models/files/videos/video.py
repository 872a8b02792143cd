"""What a video file holds."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

from guise.models.counting import counted
from guise.models.errors import ImageError
from guise.models.files.atomic import Attributes
from guise.models.files.videos.kinds import CONTAINERS, READ, SUFFIXES, missing_bytes, sniff_video
from guise.models.files.videos.opening import COPY_AGAIN, check_clear, opened, picture_stream, readable
from guise.models.files.videos.turning import Turning

_HEAD = 64


@dataclass(frozen=True)
class Video:
    """A video file, as far as it can be known without decoding all of it.

    Attributes:
        path: the file.
        kind: a name of `kinds.CONTAINERS`.
        codec: FFmpeg's name of how its pictures are compressed.
        pixel_format: FFmpeg's name of how samples are stored.
        stored_size: width and height of the stored pictures, in pixels.
        turning: how they are shown.
        frames: how many pictures there are, nearly: what the file says or what follows from its duration.
        rate: pictures a second on average; None where nobody can tell.
        start: when the first picture is shown, in seconds.
        duration: in seconds; None where the file does not say.
        time_base: the unit of its pictures' times, in seconds.
        bytes: of the file.
        attributes: permissions and time of change.
    """

    path: Path
    kind: str
    codec: str
    pixel_format: str
    stored_size: tuple[int, int]
    turning: Turning
    frames: int
    rate: Fraction | None
    start: float
    duration: float | None
    time_base: Fraction
    bytes: int
    attributes: Attributes

    @cached_property
    def sha256(self) -> str:
        """Hash of the file, in hexadecimal."""
        with readable(self.path), self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the pictures as people see them, in pixels."""
        width, height = self.stored_size
        return (height, width) if self.turning.transposed else (width, height)


def read_video(path: Path) -> Video:
    """Look at a video: its streams and its first picture.

    The content decides on the format, not the name.

    Args:
        path: the file. It is not changed.

    Returns:
        What it holds.

    Raises:
        ImageError: it is missing, unreadable, damaged, cut short, encrypted, has no moving pictures, or has a format
            that is not read.
    """
    with readable(path):
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ImageError("it is no regular file; name one")
        if status.st_size == 0:
            raise ImageError("it is empty (0 bytes); copy it again")
        kind = _kind(path)
        missing = missing_bytes(path, kind)
        if missing:
            lost = counted(missing, "byte at its end is", "bytes at its end are")
            raise ImageError(f"it is cut short: {lost} missing; {COPY_AGAIN}")
        with opened(path, kind) as container:
            stream = picture_stream(container)
            first = next(_decoded(container, stream), None)
            if first is None:
                raise ImageError(f"it holds no picture that can be decoded; {COPY_AGAIN}")
            matrix = first.side_data.get("DISPLAYMATRIX")
            codec, rate = stream.codec_context, stream.average_rate
            seconds = _seconds(container, stream)
            frames = stream.frames or (round(seconds * rate) if seconds and rate else 0)
            if seconds is None:  # a live recording does not say how long it is
                frames, seconds = _counted(container, stream)
            turning = Turning.of(None if matrix is None else tuple(memoryview(matrix).cast("i")))
            return Video(
                path=path,
                kind=kind,
                codec=codec.codec.canonical_name,
                pixel_format=first.format.name,
                stored_size=(first.width, first.height),
                turning=turning,
                frames=frames,
                rate=rate,
                start=float(first.time or 0),
                duration=seconds,
                time_base=stream.time_base,
                bytes=status.st_size,
                attributes=Attributes(stat.S_IMODE(status.st_mode), status.st_mtime_ns),
            )


def _kind(path: Path) -> str:
    with open(path, "rb", buffering=0, opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
        kind = sniff_video(file.read(_HEAD))
    if kind in CONTAINERS:
        return str(kind)
    named = SUFFIXES.get(path.suffix.lower())
    known = kind or (None if named in CONTAINERS else named)
    what = "its content is no known video format" if known is None else f"{known} is not read"
    raise ImageError(f"{what}; {READ} are: convert it")


def _decoded(container: Any, stream: Any) -> Iterator[Any]:
    for packet in container.demux(stream):
        check_clear(packet)
        yield from packet.decode()


def _counted(container: Any, stream: Any) -> tuple[int, float]:
    """How many pictures come after the first few, and how long they take."""
    times = [packet.pts for packet in container.demux(stream) if packet.pts is not None]
    return len(times) + 1, float((max(times, default=0) - (stream.start_time or 0)) * stream.time_base)


def _seconds(container: Any, stream: Any) -> float | None:
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    return container.duration / 1_000_000 if container.duration and container.duration > 0 else None
