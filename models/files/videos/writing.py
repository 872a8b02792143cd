"""Write a copy of a video with other pictures: one picture is held at a time, the rest is copied packet by packet."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from guise.models.errors import ImageError, first_line
from guise.models.files.atomic import atomic_path, write_error
from guise.models.files.names import printable
from guise.models.files.videos.encoders import Compression, compression_of
from guise.models.files.videos.kinds import CONTAINERS
from guise.models.files.videos.library import pyav
from guise.models.files.videos.opening import check_clear, opened, picture_stream, readable
from guise.models.files.videos.pictures import checked_time
from guise.models.files.videos.planes import Change, add
from guise.models.files.videos.streams import describe, fonts_of, is_gap, streams_to_copy
from guise.models.files.videos.video import Video

Changes = Callable[[int], Sequence[Change]]
"""What to add to a picture, by its number, in the coordinates of the picture as people see it."""

_SECONDS_BETWEEN_KEYS = 2
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)


@dataclass(frozen=True)
class Written:
    """A copy.

    Attributes:
        frames: pictures that it holds.
        changed: how many of them were changed.
        notes: what differs from the original besides the mask.
        left_out: what of the file the copy does not get.
    """

    frames: int
    changed: int
    notes: tuple[str, ...]
    left_out: tuple[str, ...]


def write_video(
    path: Path,
    video: Video,
    changes: Changes,
    *,
    keep_metadata: bool = False,
    overwrite: bool = True,
    compression: Compression | None = None,
    on_frame: Callable[[int], None] | None = None,
) -> Written:
    """Write a copy of `video` with changed pictures, atomically. The same arguments give the same bytes.

    Size, times, turning, colours and shape of the pictures stay, and so do sound, subtitles, fonts and chapters. What
    describes the file is dropped.

    Args:
        path: the file to write. A missing folder is made.
        video: the original.
        changes: what to add to each picture.
        keep_metadata: write what describes the file too (GPS included).
        overwrite: False leaves a file that is there already.
        compression: of its pictures; None is the one that is nearest to the original's.
        on_frame: called with the number of pictures done.

    Returns:
        What was written.

    Raises:
        ImageError: the original is damaged, its pictures cannot be encoded, or another file is in the way.
        OutputError: the file cannot be written.
    """
    if not overwrite and os.path.lexists(path):
        what = f"cannot write {printable(path)}: another file is there already"
        raise ImageError(f"{what}; move it away or choose another output folder")
    with atomic_path(path, attributes=video.attributes) as temporary:
        try:
            with readable(video.path):
                chosen = compression or compression_of(video.codec, video.pixel_format, video.kind)
                return _write(temporary, video, changes, chosen, keep_metadata, on_frame or (lambda _: None))
        except ImageError as error:
            cause = error.__cause__
            if isinstance(cause, OSError) and cause.errno in _DISK:
                raise write_error(path, OSError(cause.errno, os.strerror(cause.errno))) from error
            raise


def _write(
    target: Path,
    video: Video,
    changes: Changes,
    compression: Compression,
    keep_metadata: bool,
    on_frame: Callable[[int], None],
) -> Written:
    av, options = pyav(), {"movflags": "+faststart", "video_track_timescale": str(video.time_base.denominator)}
    if keep_metadata:
        options["movflags"] += "+use_metadata_tags"
    if CONTAINERS[video.kind].demuxer != "mov":
        options = {}
    muxer = CONTAINERS[video.kind].muxer
    with opened(video.path, video.kind) as source:
        pictures = picture_stream(source)
        copied, left_out = streams_to_copy(source, pictures)
        with av.open(f"file:{os.fspath(target)}", "w", format=muxer, options=options) as copy:
            encoded = _picture_track(copy, video, pictures, compression)
            describe(encoded, pictures, keep_metadata=keep_metadata)
            tracks = {}
            for stream in copied:
                tracks[stream.index] = copy.add_stream_from_template(stream)
                describe(tracks[stream.index], stream, keep_metadata=keep_metadata)
            for name, kind, data in fonts_of(source) if muxer == "matroska" else ():
                copy.add_attachment(name, kind, data)
            copy.set_chapters(source.chapters())
            if keep_metadata:
                copy.metadata.update(source.metadata)
            _start(copy, compression)
            done, changed, held, span = 0, 0, _Held(copy), _Span()
            for packet in source.demux([pictures, *copied]):
                check_clear(packet)
                if packet.stream.index != pictures.index:
                    if packet.size and not is_gap(packet):
                        packet.stream = tracks[packet.stream.index]
                        copy.mux(packet)
                    continue
                span.add(packet)
                for frame in packet.decode():
                    checked_time(frame, video)
                    added = changes(done)
                    held.mux(encoded.encode(_changed(frame, added, video, compression)))
                    done, changed = done + 1, changed + bool(added)
                    on_frame(done)
            held.mux(encoded.encode(None))
            held.end(span.length)
    return Written(done, changed, _notes(compression, pictures), tuple(left_out))


def _picture_track(copy: Any, video: Video, pictures: Any, compression: Compression) -> Any:
    rate = video.rate or 25
    options = dict(compression.encoder.options)
    track = copy.add_stream(compression.encoder.name, rate=rate, options=options)
    context, original = track.codec_context, pictures.codec_context
    context.width, context.height = video.stored_size
    context.pix_fmt = compression.pixel_format
    context.time_base = track.time_base = video.time_base
    context.gop_size = max(1, min(300, round(float(rate) * _SECONDS_BETWEEN_KEYS)))
    for name in ("color_range", "color_primaries", "color_trc", "colorspace"):
        setattr(context, name, getattr(original, name))
    if pictures.sample_aspect_ratio:
        context.sample_aspect_ratio = pictures.sample_aspect_ratio
    if compression.encoder.tag and CONTAINERS[video.kind].demuxer == "mov":
        context.codec_tag = compression.encoder.tag
    if video.turning.matrix is not None:
        track.set_display_matrix(video.turning.matrix)
    return track


class _Span:
    """From when to when packets of a track are decoded."""

    def __init__(self) -> None:
        self._first: int | None = None
        self.length = 0

    def add(self, packet: Any) -> None:
        if packet.dts is not None and packet.size:
            self._first = packet.dts if self._first is None else self._first
            self.length = packet.dts - self._first + (packet.duration or 0)


class _Held:
    """Writes pictures one late, so that the last one can be made to end when the original's does."""

    def __init__(self, copy: Any) -> None:
        self._copy, self._span = copy, _Span()
        self._packet: Any = None

    def mux(self, packets: Sequence[Any]) -> None:
        for packet in packets:
            if self._packet is not None:
                self._copy.mux(self._packet)
            self._packet = packet
            self._span.add(packet)

    def end(self, length: int) -> None:
        if self._packet is not None:
            without = self._span.length - (self._packet.duration or 0)
            if length > without:
                self._packet.duration = length - without
            self._copy.mux(self._packet)


def _start(copy: Any, compression: Compression) -> None:
    try:
        copy.start_encoding()
    except Exception as error:
        what = f"its pictures cannot be written as {compression.codec}, or one of its tracks not in this kind of file"
        raise ImageError(f"{what} ({first_line(error).partition(': ')[0]}): convert it to H.264 in an MKV") from error


def _changed(frame: Any, changes: Sequence[Change], video: Video, compression: Compression) -> Any:
    """The picture with changes on; its time and what it carries besides samples stay."""
    pts, base, length = frame.pts, frame.time_base, frame.duration
    if frame.format.name != compression.pixel_format:
        frame = frame.reformat(format=compression.pixel_format)
        frame.pts, frame.time_base, frame.duration = pts, base, length
    width, height = video.size
    if changes:
        frame.make_writable()
    for change in changes:
        rows, columns = video.turning.stored_part(change.rows, change.columns, height, width)
        add(frame, Change(rows, columns, video.turning.back(change.levels)))
    frame.pict_type = 0  # the encoder chooses
    return frame


def _notes(compression: Compression, pictures: Any) -> tuple[str, ...]:
    quality = f", {compression.encoder.quality}" if compression.encoder.quality else ""
    notes = [f"its pictures are compressed anew ({compression.codec}{quality})", *compression.notes]
    if pictures.metadata.get("alpha_mode") == "1":
        notes.append("its transparency is left out")
    if pictures.codec_context.color_trc in (16, 18):
        notes.append("it is an HDR video: its brightness limits (HDR10, Dolby Vision) are left out")
    return tuple(notes)
