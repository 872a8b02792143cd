"""How a copy's pictures are compressed: like the original's if there is an encoder, and so little that masks stay."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from guise.models.files.videos.library import pyav


@dataclass(frozen=True)
class Encoder:
    """An encoder and its settings.

    Attributes:
        name: FFmpeg's.
        options: for it.
        quality: for people, such as "CRF 18".
        tag: what MP4 and MOV call the track where FFmpeg would choose a name that some players do not know.
    """

    name: str
    options: Mapping[str, str] = field(default_factory=dict)
    quality: str = ""
    tag: str | None = None


ENCODERS = {
    "h264": Encoder("libx264", {"crf": "18", "preset": "fast"}, "CRF 18"),
    "hevc": Encoder("libx265", {"crf": "19", "preset": "fast", "x265-params": "log-level=none"}, "CRF 19", "hvc1"),
    "vp9": Encoder("libvpx-vp9", {"crf": "22", "b": "0", "deadline": "good", "cpu-used": "4", "row-mt": "1"}, "CRF 22"),
    "vp8": Encoder("libvpx", {"crf": "6", "b": "20M", "deadline": "good", "cpu-used": "4"}, "CRF 6"),
    "av1": Encoder("libsvtav1", {"crf": "22", "preset": "8"}, "CRF 22"),
    "prores": Encoder("prores_ks"),
    "ffv1": Encoder("ffv1", quality="lossless"),
}
"""By how the original's pictures are compressed. The settings keep masks: `python -m benchmarks.video` measures it."""

_OTHERWISE = {"WebM": "vp9"}
_LIKE = {  # samples that encoders do not take, and the planar ones that lose nothing
    "nv12": "yuv420p",
    "nv21": "yuv420p",
    "nv16": "yuv422p",
    "p010le": "yuv420p10le",
    "p210le": "yuv422p10le",
    "gray": "gray",
    "gbrp": "yuv444p",
    "gbrp10le": "yuv444p10le",
    "rgb24": "yuv444p",
    "bgr0": "yuv444p",
    "bgra": "yuv444p",
    "yuyv422": "yuv422p",
    "uyvy422": "yuv422p",
}


@dataclass(frozen=True)
class Compression:
    """What a copy's pictures become.

    Attributes:
        codec: a name of `ENCODERS`.
        encoder: for it.
        pixel_format: FFmpeg's name of how samples are stored.
        notes: what differs from the original.
    """

    codec: str
    encoder: Encoder
    pixel_format: str
    notes: tuple[str, ...]


def compression_of(codec: str, pixel_format: str, kind: str) -> Compression:
    """Choose how to compress a copy.

    Args:
        codec: FFmpeg's name of how the original is compressed.
        pixel_format: FFmpeg's name of how its samples are stored.
        kind: of the file, a name of `kinds.CONTAINERS`.

    Returns:
        The nearest that there is.

    Raises:
        ImageError: PyAV is not here.
    """
    notes = []
    chosen = codec if codec in ENCODERS else _OTHERWISE.get(kind, "h264")
    encoder = ENCODERS[chosen]
    known = [form.name for form in pyav().codec.Codec(encoder.name, "w").video_formats or ()]
    form = pixel_format if pixel_format in known else _LIKE.get(pixel_format, _without_bits(pixel_format, known))
    if form not in known or not form.startswith(("yuv", "gray")) or form.startswith("yuva"):
        form = "yuv420p10le" if "10" in form and "yuv420p10le" in known else "yuv422p10le"
        form = form if form in known else "yuv420p"
    if chosen != codec:
        notes.append(f"its pictures are compressed as {chosen}: there is no encoder for {codec}")
    if form != pixel_format and _LIKE.get(pixel_format) != form:
        notes.append(f"its samples are stored as {form}: the encoder takes no {pixel_format}")
    return Compression(chosen, encoder, form, tuple(notes))


def _without_bits(pixel_format: str, known: list[str]) -> str:
    """The same planes with the most bits that an encoder takes, at most as many as there are."""
    base = pixel_format.split("p")[0] + "p" if pixel_format.startswith("yuv") else pixel_format
    for bits in (12, 10):
        if str(bits) in pixel_format or bits < 12:
            found = f"{base}{bits}le"
            if found in known and base != pixel_format:
                return found
    return base
