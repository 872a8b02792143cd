"""Open a video: only the file itself, only as what it is, and with one line for whatever is wrong."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from guise.models.errors import ImageError, first_line
from guise.models.files.names import printable
from guise.models.files.videos.kinds import CONTAINERS
from guise.models.files.videos.library import pyav

MOST_PIXELS = 36_000_000  # of a picture: 8K
COPY_AGAIN = "copy or export it again"
_ENCRYPTED = ("encv", "enca", "drmi", "drms")  # sample entries of protected tracks


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Turn whatever goes wrong while a video is read into one line.

    Args:
        path: the file, which the line names.

    Raises:
        ImageError: anything went wrong in the block.
    """
    try:
        yield
    except ImageError as error:
        told = str(error)
        what = told if told.startswith("cannot ") else f"cannot read {printable(path)}: {told}"
        raise ImageError(what) from error.__cause__
    except Exception as error:  # decoders of hostile bytes raise almost anything
        if isinstance(error, OSError) and type(error).__module__ == "builtins" and error.strerror:
            reason = error.strerror
        else:
            detail = getattr(error, "strerror", None) or first_line(error)
            reason = f"it is damaged or cut short ({detail})"
        raise ImageError(f"cannot read {printable(path)}: {reason}; {COPY_AGAIN}") from error


@contextmanager
def opened(path: Path, kind: str) -> Iterator[Any]:
    """Open a video with the demuxer of its kind, which may read this file only.

    Args:
        path: the file.
        kind: a name of `CONTAINERS`.

    Yields:
        An `av.container.InputContainer`.
    """
    options = {"protocol_whitelist": "file"}
    url = f"file:{os.fspath(path.absolute())}"
    with pyav().open(url, format=CONTAINERS[kind].demuxer, options=options, metadata_errors="replace") as container:
        yield container


def picture_stream(container: Any) -> Any:
    """Find the moving pictures that people see.

    Args:
        container: as `opened` yields it.

    Returns:
        An `av.VideoStream`, ready to decode.

    Raises:
        ImageError: there are none, or they are encrypted or too large.
    """
    moving = [stream for stream in container.streams.video if not is_still(stream)]
    if not moving:
        sound = ", only sound" if container.streams.audio else ""
        still = " and a still picture" if container.streams.video else ""
        raise ImageError(f"it holds no moving picture{sound}{still}: nothing to protect")
    best = container.streams.best("video")
    stream = best if best in moving else moving[0]
    context = stream.codec_context
    if context is None:
        raise ImageError("its pictures are compressed in a way that is not known: convert it to H.264")
    if context.codec_tag in _ENCRYPTED:
        raise ImageError("it is encrypted (DRM): its pictures cannot be read without the key of its publisher")
    if context.width * context.height > MOST_PIXELS:
        size = f"{context.width}x{context.height}"
        raise ImageError(f"its pictures have {size} pixels, the limit is {MOST_PIXELS // 10**6} megapixels: reduce it")
    stream.thread_type = "AUTO"
    return stream


def is_still(stream: Any) -> bool:
    """Tell a cover from moving pictures.

    Args:
        stream: an `av.VideoStream`.

    Returns:
        Whether it is a picture that stands for the file.
    """
    return "attached_pic" in {flag.name for flag in stream.disposition}


def check_clear(packet: Any) -> None:
    """Refuse what is encrypted.

    Args:
        packet: an `av.Packet`.

    Raises:
        ImageError: it is.
    """
    if packet.has_sidedata("encryption_info"):
        raise ImageError("it is encrypted (DRM): its pictures cannot be read without the key of its publisher")
