"""One decoded photo, and what is needed to write a copy of its kind."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guise.models.files.atomic import Attributes
from guise.models.files.photos.density import Density
from guise.models.files.photos.jpeg.layout import CompressedJpeg

_COMPRESSION = ("qtables", "subsampling", "progressive")
_LARGER = 1.4  # than the original: more than a mask adds to a file that is compressed alike
_FINE = 500  # sum of the table for lightness of a JPEG of quality 93 or so


@dataclass(frozen=True)
class Frame:
    """One picture of a file that holds several: a frame of an animation, a page.

    Attributes:
        pixels: as of `Photo`; pages may differ in size.
        alpha: as of `Photo`.
        duration: how long it is shown, in milliseconds; None for pages.
    """

    pixels: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    duration: float | None = None


@dataclass(frozen=True)
class Shown:
    """What a file says of how its picture is shown and printed. A copy says the same.

    Attributes:
        density: pixels a length; None where the file does not tell.
        chunks: of a PNG, in their order: gAMA, cHRM, sRGB, cICP, mDCV, cLLI, and their bodies.
        tags: of a TIFF: white point, primaries and the like.
        options: for an encoder of the same format: colour description of HEIC, loops of an animation, and how the
            original was compressed (tables, sampling and mode of a JPEG).
        stored: bytes that each picture takes in the file; 0 where that is not known.
    """

    density: Density | None = None
    chunks: tuple[tuple[bytes, bytes], ...] = ()
    tags: Mapping[int, Any] = field(default_factory=dict)
    options: Mapping[str, Any] = field(default_factory=dict)
    stored: float = 0.0


@dataclass(frozen=True)
class Photo:
    """One decoded photo.

    Attributes:
        pixels: uint8 (H, W, 3), RGB in 0..255, upright, in the colours of `icc_profile` (sRGB without a profile). Where
            `alpha` is 0 they are black, whatever the file hides there.
        alpha: uint8 (H, W), 255 is opaque; None for a photo without transparency.
        format: the format that a copy is written in: a name of `guise.models.files.photos.formats.FORMATS`.
        grey: the picture is black and white: its channels are equal, whatever the file holds.
        lossless: a copy holds the pixels bit for bit.
        icc_profile: the colour profile that fits the pixels, or None.
        exif: all tags but those of `metadata.clean_exif`, with orientation 1; None without tags.
        sha256: the hash of the very bytes that were decoded, in hexadecimal.
        notes: what a copy will not carry over exactly, such as "16-bit samples reduced to 8".
        single_channel: the file holds a single channel of colour, and a copy gets a single one too.
        shown: how the picture is shown and printed.
        frames: all pictures of the file where it holds several; `pixels` and `alpha` are those of picture `key`.
        key: as read, the first.
        left_out: metadata that a copy does not get even if it keeps EXIF.
        attributes: permissions and time of change of the file; None for a photo that comes from no file.
        lower: of a photo of more than 8 bits a sample whose copy has as many: the lower bytes, uint8 (H, W, C), of
            grey, RGB or RGBA. `pixels` and `alpha` are the upper ones.
        compressed: a JPEG as it is stored, where its copy keeps the blocks that are not changed; else None.
    """

    pixels: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None
    format: str
    grey: bool
    lossless: bool
    icc_profile: bytes | None
    exif: bytes | None
    sha256: str
    notes: tuple[str, ...]
    single_channel: bool = False
    shown: Shown = Shown()
    frames: tuple[Frame, ...] = ()
    key: int = 0
    left_out: tuple[str, ...] = ()
    attributes: Attributes | None = None
    compressed: CompressedJpeg | None = field(default=None, repr=False)
    lower: NDArray[np.uint8] | None = field(default=None, repr=False)

    def at(self, frame: int) -> "Photo":
        """One of the pictures of a file that holds several.

        Args:
            frame: its number, from 0.

        Returns:
            A photo of that picture alone.
        """
        return replace(self.keyed(frame), frames=(), key=0) if self.frames else self

    def keyed(self, frame: int) -> "Photo":
        """The same file, seen by another of its pictures.

        Args:
            frame: its number, from 0.

        Returns:
            A photo whose `pixels` and `alpha` are that picture's.
        """
        picture = self.frames[frame]
        return replace(self, pixels=picture.pixels, alpha=picture.alpha, key=frame)


def plain(photo: Photo, suffix: str = "png") -> Photo:
    """`photo`, described so that a copy holds three opaque channels of 8 bits.

    Args:
        photo: any photo.
        suffix: the format of the copy: "png" keeps the pixels bit for bit, "jpeg" and "webp" do not.

    Returns:
        The same photo, neither grey nor transparent, and of one picture.
    """
    return replace(
        photo,
        format=suffix.upper(),
        grey=False,
        single_channel=False,
        alpha=None,
        lossless=suffix == "png",
        shown=Shown(),
        frames=(),
        key=0,
        attributes=None,
        compressed=None,
        lower=None,
    )


def finely(photo: Photo, *, blocks: bool = False) -> Photo:
    """`photo`, described so that its copy is compressed as little as one whose original does not tell how it was.

    Args:
        photo: any photo.
        blocks: of a JPEG, keep what is not changed to the bit. The copy is smaller, but colours keep their resolution,
            mostly half that of lightness.

    Returns:
        The same photo; it itself if its copy loses no more than that anyway.
    """
    tables = photo.shown.options.get("qtables")
    coarse = sum(tables[min(tables)]) > _FINE if tables else photo.shown.stored > 0 and not photo.lossless
    if not coarse:
        return photo
    kept = photo.compressed.finer() if blocks and photo.compressed is not None else None
    coarse_ones = ("qtables", "subsampling") if kept is None else ("qtables",)
    options = {name: value for name, value in photo.shown.options.items() if name not in coarse_ones}
    return replace(photo, shown=replace(photo.shown, options=options, stored=0.0), compressed=kept)


def compressed_like(photo: Photo, copy: Photo) -> Photo:
    """`photo`, described so that writing it loses what writing a copy of it has lost.

    Args:
        photo: any photo.
        copy: a copy of it, as read.

    Returns:
        The same photo; it itself if the copy is of another format.
    """
    if copy.format != photo.format:
        return photo
    if "qtables" not in copy.shown.options:  # other formats do not tell; a copy is compressed like `photo`, or finely
        return finely(photo) if copy.shown.stored > _LARGER * photo.shown.stored else photo
    fine = finely(photo, blocks=True)
    if copy.compressed is not None and _same_tables(copy.compressed, fine.compressed):
        return fine
    options = {name: value for name, value in photo.shown.options.items() if name not in _COMPRESSION}
    options |= {name: value for name, value in copy.shown.options.items() if name in _COMPRESSION}
    kept = photo.compressed if options == dict(photo.shown.options) else None
    return replace(photo, shown=replace(photo.shown, options=options), compressed=kept)


def _same_tables(copy: CompressedJpeg, blocks: CompressedJpeg | None) -> bool:
    if blocks is None or copy.layout.sampling != blocks.layout.sampling:
        return False
    pairs = zip(copy.layout.tables, blocks.layout.tables, strict=False)
    return len(copy.layout.tables) == len(blocks.layout.tables) and all(np.array_equal(*pair) for pair in pairs)
