"""What of a video's file a copy gets besides its pictures: what people hear and read, and nothing hidden.

Sound and subtitles are copied as they are. Covers, further picture tracks and tracks of data may show the face without
a mask or say where it was: they are left out, and so is what describes the file, unless the user asks for it.
"""

from __future__ import annotations

from typing import Any

from guise.models.files.videos.opening import is_still

_LANGUAGE = ("language",)
_FONTS = ("font", "opentype", "truetype")
_KEPT_TYPES = ("audio", "subtitle")


def streams_to_copy(container: Any, pictures: Any) -> tuple[list[Any], list[str]]:
    """Choose streams.

    Args:
        container: the original, an `av.container.InputContainer`.
        pictures: its stream of pictures that gets the mask.

    Returns:
        Streams whose packets are copied as they are, and what is left out, in words.
    """
    kept, left_out = [], []
    for stream in container.streams:
        if stream.index == pictures.index:
            continue
        if stream.type in _KEPT_TYPES and stream.codec_context is not None:
            kept.append(stream)
        elif stream.type == "attachment":
            if not _is_font(stream):
                left_out.append("an attached file")
        elif stream.type == "video":
            left_out.append("a cover picture" if is_still(stream) else "a second track of pictures")
        elif stream.type in _KEPT_TYPES:
            left_out.append(f"a track of {'sound' if stream.type == 'audio' else 'subtitles'} of an unknown kind")
        elif not _is_chapter_track(container, stream):
            left_out.append("a track of data")
    return kept, list(dict.fromkeys(left_out))


def _is_chapter_track(container: Any, stream: Any) -> bool:
    """MP4 and MOV hold the chapters' titles in a track of text; a copy gets a new one."""
    return bool(container.chapters()) and stream.type == "data"


def fonts_of(container: Any) -> list[tuple[str, str, bytes]]:
    """List the fonts that subtitles need.

    Args:
        container: the original.

    Returns:
        Name, type and content of each.
    """
    return [
        (stream.name or stream.metadata.get("filename", "font"), stream.mimetype, stream.data)
        for stream in container.streams
        if stream.type == "attachment" and _is_font(stream)
    ]


def _is_font(attachment: Any) -> bool:
    return any(word in (attachment.mimetype or "").lower() for word in _FONTS)


def is_gap(packet: Any) -> bool:
    """Tell the empty text that MP4 holds between two subtitles: what writes a copy puts it in anew.

    Args:
        packet: an `av.Packet`.

    Returns:
        Whether it is one.
    """
    return packet.size == 2 and packet.stream.codec_context.name == "mov_text" and bytes(packet) == b"\0\0"


def describe(stream: Any, original: Any, *, keep_metadata: bool) -> None:
    """Say of a copied stream what players need to choose it.

    Args:
        stream: of the copy.
        original: the stream that it is a copy of.
        keep_metadata: whether to copy all that describes it.
    """
    stream.disposition = original.disposition
    for name, value in original.metadata.items():
        if name in _LANGUAGE or (keep_metadata and name.upper() != "DURATION"):
            stream.metadata[name] = value
