"""The pictures of a video, one at a time, and single ones by their time."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from guise.models.errors import ImageError
from guise.models.files.folders import is_video
from guise.models.files.photos.photo import Photo
from guise.models.files.photos.reading import read_photo
from guise.models.files.videos.opening import check_clear, opened, picture_stream, readable
from guise.models.files.videos.turning import Turning
from guise.models.files.videos.video import Video, read_video

_TIME = re.compile(r"(?P<file>.+)#t=(?P<seconds>-?[0-9]+(?:\.[0-9]+)?)", re.DOTALL)


@dataclass(frozen=True)
class Picture:
    """One picture of a video.

    Attributes:
        number: from 0, in the order in which pictures are shown.
        time: when it is shown, in seconds.
        frame: the `av.VideoFrame`, as stored.
        turning: how it is shown.
    """

    number: int
    time: Fraction
    frame: Any
    turning: Turning

    def pixels(self) -> np.ndarray:
        """Convert the picture.

        Returns:
            uint8 (H, W, 3) RGB, as people see it.
        """
        stored = self.frame.to_ndarray(format="rgb24")
        return np.ascontiguousarray(self.turning.upright(stored))

    def reduced(self, width: int, height: int) -> np.ndarray:
        """Convert the picture and make it smaller by an area average.

        Args:
            width: that is wanted, at most that of the picture as people see it.
            height: the same.

        Returns:
            uint8 (height, width, 3) RGB, as people see it.
        """
        stored = (height, width) if self.turning.transposed else (width, height)
        if stored == (self.frame.width, self.frame.height):
            return self.pixels()
        small = self.frame.reformat(*stored, format="rgb24", interpolation="AREA")
        return np.ascontiguousarray(self.turning.upright(small.to_ndarray()))


def pictures_in(video: Video) -> Iterator[Picture]:
    """Decode a video; one picture is held at a time.

    Args:
        video: the file.

    Yields:
        Each picture.

    Raises:
        ImageError: it is damaged, or its size changes.
    """
    with readable(video.path), opened(video.path, video.kind) as container:
        stream = picture_stream(container)
        number = 0
        for packet in container.demux(stream):
            check_clear(packet)
            for frame in packet.decode():
                yield Picture(number, checked_time(frame, video), frame, video.turning)
                number += 1


def checked_time(frame: Any, video: Video) -> Fraction:
    """Check that a picture is like the first one.

    Args:
        frame: an `av.VideoFrame`.
        video: the file.

    Returns:
        When it is shown, in seconds.

    Raises:
        ImageError: it has another size, or no time.
    """
    if frame.pts is None:
        raise ImageError("some of its pictures have no time; convert it")
    time = Fraction(frame.pts * frame.time_base)
    if (frame.width, frame.height) != video.stored_size:
        sizes = "{}x{} to {}x{}".format(*video.stored_size, frame.width, frame.height)
        raise ImageError(f"its size changes from {sizes} pixels at {float(time):.2f} s; convert it to one size")
    return time


def sampled_names(path: Path, video: Video, count: int) -> list[Path]:
    """Name pictures of a video, evenly spread.

    Args:
        path: by which the video is to be named.
        video: the file.
        count: how many, at most.

    Returns:
        Names for `read_picture`: the path and a time, as of a media fragment (W3C, "Media Fragments URI 1.0").
    """
    count = max(1, min(count, video.frames or count))
    length = video.duration or 0.0
    return [picture_name(path, video.start + length * (2 * at + 1) / (2 * count)) for at in range(count)]


def picture_name(path: Path, time: float | Fraction) -> Path:
    """Name one picture of a video.

    Args:
        path: of the video.
        time: in seconds.

    Returns:
        The name.
    """
    return path.with_name(f"{path.name}#t={float(time):.3f}")


def video_of(name: Path) -> Path | None:
    """Tell of which video a name names a picture.

    Args:
        name: of a photo or of a picture of a video.

    Returns:
        The video's path; None for a photo's.
    """
    match = _TIME.fullmatch(name.name)
    return name.with_name(match["file"]) if match else None


def read_picture(path: Path) -> Photo:
    """Read a photo, or a picture of a video.

    Args:
        path: of a photo, a name as of `sampled_names`, or a video, whose first picture is meant.

    Returns:
        The photo; a picture comes as one that loses nothing when it is written.

    Raises:
        ImageError: it cannot be read.
    """
    match = None if path.exists() else _TIME.fullmatch(path.name)
    if match is None and not is_video(path):
        return read_photo(path)
    video = read_video(path if match is None else path.with_name(match["file"]))
    (picture,) = pictures_at(video, [Fraction(video.start) if match is None else Fraction(match["seconds"])])
    return as_photo(picture)


def pictures_at(video: Video, times: Sequence[Fraction]) -> Iterator[Picture]:
    """Decode single pictures.

    Args:
        video: the file.
        times: in seconds, rising.

    Yields:
        For each time the last picture that is shown by then, or the first one. Their numbers are not known: -1.

    Raises:
        ImageError: it is damaged.
    """
    with readable(video.path), opened(video.path, video.kind) as container:
        stream = picture_stream(container)
        base = stream.time_base
        half = Fraction(1, 2000)  # what a name of three digits may be off
        for wanted in times:
            try:
                container.seek(int(wanted / base), stream=stream)
            except OSError:  # no index: from the start then
                container.seek(int(video.start / base), stream=stream)
            last = None
            for frame in container.decode(stream):
                if last is not None and frame.pts is not None and frame.pts * frame.time_base > wanted + half:
                    break
                last = frame
            if last is None:
                raise ImageError(f"there is no picture at {float(wanted):.2f} s; copy or export it again")
            yield Picture(-1, checked_time(last, video), last, video.turning)


def as_photo(picture: Picture) -> Photo:
    """Describe a picture as a photo that a PNG would hold.

    Args:
        picture: of a video.

    Returns:
        The photo; its hash is that of its pixels.
    """
    pixels = picture.pixels()
    return Photo(pixels, None, "PNG", False, True, None, None, hashlib.sha256(pixels.tobytes()).hexdigest(), ())
