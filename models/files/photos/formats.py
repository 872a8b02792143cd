"""What a copy in each format carries: the one table that reading, writing and their tests go by.

What a copy loses, such as bits of its samples, is said in the photo's notes.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Format:
    """What a copy in one format keeps of its original.

    Attributes:
        name: for people.
        density: where it says how large it prints: in a "header" of its own, in "exif", or nowhere ("").
        icc: colour profiles.
        exif: EXIF, for whom asks to keep it.
        colour: further descriptions of its colours: chunks of PNG, "nclx" of HEIC, tags of TIFF.
        alpha: transparency; HEIC and AVIF keep it nearly, as they do pixels.
        frames: several pictures.
        palette: it holds at most 256 colours a picture.
        bits: that a sample of a copy may have. Only a file of one picture keeps more than 8.
    """

    name: str
    density: Literal["header", "exif", ""]
    icc: bool = True
    exif: bool = True
    colour: tuple[str, ...] = ()
    alpha: bool = True
    frames: bool = False
    palette: bool = False
    bits: tuple[int, ...] = (8,)


FORMATS = {
    "JPEG": Format("JPEG", "header", alpha=False),
    "PNG": Format("PNG", "header", colour=("cICP", "mDCV", "cLLI", "gAMA", "cHRM", "sRGB"), frames=True, bits=(8, 16)),
    "WEBP": Format("WebP", "exif", frames=True),
    "TIFF": Format("TIFF", "header", colour=("WhitePoint", "PrimaryChromaticities"), frames=True, bits=(8, 16)),
    "BMP": Format("BMP", "header", icc=False, exif=False, alpha=False),
    "GIF": Format("GIF", "", icc=False, exif=False, frames=True, palette=True),
    "HEIC": Format("HEIC", "exif", colour=("nclx",), bits=(8, 10, 12)),
    "AVIF": Format("AVIF", "exif", frames=True),
    "JXL": Format("JPEG XL", "exif", icc=False),
}
"""The formats that are read, each written back as itself."""

READ = ", ".join(format_.name for format_ in FORMATS.values())
"""Their names, for messages."""

TIFF_COLOUR_TAGS = {318: "WhitePoint", 319: "PrimaryChromaticities"}
