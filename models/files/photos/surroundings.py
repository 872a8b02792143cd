"""What a file holds around its picture: what a copy gets, what it gets on request, and what it never gets."""

from dataclasses import dataclass
from typing import Any

from PIL import Image
from PIL.ExifTags import IFD, Base
from PIL.JpegImagePlugin import JpegImageFile
from PIL.TiffImagePlugin import TiffImageFile

from guise.models.files.photos import density as densities
from guise.models.files.photos.containers import JpegParts, beside_heic, beside_jpeg, png_chunks
from guise.models.files.photos.decoding import loops
from guise.models.files.photos.deep.jxl import beside_jxl
from guise.models.files.photos.formats import FORMATS, TIFF_COLOUR_TAGS
from guise.models.files.photos.metadata import clean_exif, swaps_sides
from guise.models.files.photos.photo import Shown

_TEXTS = {b"tEXt", b"zTXt", b"iTXt"}
_TIFF_METADATA = {700: "XMP", 33723: "IPTC", 34377: "IPTC"}
_DEFAULT_DENSITY = 72  # what cameras put into EXIF, meaning nothing


@dataclass(frozen=True)
class Surroundings:
    """What a file holds around its picture.

    Attributes:
        shown: how the picture is shown and printed.
        icc_profile: as stored.
        exif: cleaned.
        left_out: metadata that a copy never gets.
    """

    shown: Shown
    icc_profile: bytes | None
    exif: bytes | None
    left_out: tuple[str, ...]


def surroundings(image: Image.Image, data: bytes, kind: str, parts: JpegParts | None, notes: list[str]) -> Surroundings:
    """Read what a file holds around its picture.

    Args:
        image: opened, and not loaded yet.
        data: the file's bytes.
        kind: its format.
        parts: of a JPEG.
        notes: a list to which one line is added for each loss.

    Returns:
        All of it.
    """
    tags, orientation = _tags(image), 1
    left_out: list[str] = []
    exif = None
    try:
        orientation = tags.get(Base.Orientation, 1)
        size = image.size[::-1] if swaps_sides(orientation) else image.size
        exif = clean_exif(tags, size)
        if Base.MakerNote in tags.get_ifd(IFD.Exif):
            left_out.append("the camera's own notes")
    except Exception:  # hostile bytes raise almost anything
        notes.append("EXIF is damaged and left out")
    chunks: dict[bytes, bytes] = {}
    if kind == "PNG":
        chunks = dict(png_chunks(data))
        left_out += ["texts"] if _TEXTS & chunks.keys() else []
    elif parts is not None:
        missed, metadata = beside_jpeg(parts, data, _pictures_in_mpo(image))
        notes += missed
        left_out += metadata
    elif kind in ("HEIC", "AVIF"):
        notes += beside_heic(data, image.info, int(getattr(image, "n_frames", 1)) if kind == "HEIC" else 1)
    elif kind == "JXL":
        missed, metadata = beside_jxl(image.info)
        notes += missed
        left_out += metadata
    if isinstance(image, TiffImageFile):
        left_out += [name for tag, name in _TIFF_METADATA.items() if tag in image.tag_v2]
        notes += ["its transfer function is left out"] if Base.TransferFunction in image.tag_v2 else []
    elif image.info.get("xmp") and parts is None:
        left_out.append("XMP")
    density = _density(image, kind, tags, chunks)
    if density is not None and swaps_sides(orientation):
        density = density.turned()
    carried = [name.encode() for name in FORMATS[kind].colour] if kind == "PNG" else []
    shown = Shown(
        density=density,
        chunks=tuple((name, chunks[name]) for name in carried if name in chunks),
        tags=_colour_tags(image),
        options=_options(image, kind),
        stored=(len(data) - _aside(image)) / max(int(getattr(image, "n_frames", 1)), 1),
    )
    return Surroundings(shown, image.info.get("icc_profile"), exif, tuple(dict.fromkeys(left_out)))


def _tags(image: Image.Image) -> Image.Exif:
    try:
        return image.getexif()
    except Exception:  # hostile bytes raise almost anything
        return Image.Exif()


def _density(image: Image.Image, kind: str, tags: Image.Exif, chunks: dict[bytes, bytes]) -> densities.Density | None:
    if kind == "PNG":
        return densities.from_phys(chunks.get(b"pHYs", b""))
    if kind == "BMP":
        across, down = image.info.get("dpi", (0, 0))
        return densities.Density(across, down) if across > 1 and down > 1 else None
    told = densities.from_jfif(image.info) if kind == "JPEG" else None
    if told is not None or kind == "GIF":
        return told
    told = densities.from_exif(tags)
    # A block of tags is written only for a density that somebody has chosen.
    usual = told is not None and kind not in ("JPEG", "TIFF") and told.x == told.y == _DEFAULT_DENSITY
    return None if usual else told


def _colour_tags(image: Image.Image) -> dict[int, Any]:
    if not isinstance(image, TiffImageFile):
        return {}
    return {tag: image.tag_v2[tag] for tag in TIFF_COLOUR_TAGS if tag in image.tag_v2}


def _options(image: Image.Image, kind: str) -> dict[str, Any]:
    """Options for an encoder of the same format."""
    options: dict[str, Any] = {}
    if isinstance(image, JpegImageFile) and image.quantization:
        options |= {"qtables": image.quantization, "subsampling": _sampling(image)}
        options |= {"progressive": True} if image.info.get("progressive") else {}
    if kind == "HEIC":
        options["chroma"] = "444" if image.info.get("chroma") == 444 else "420"
        if (bits := image.info.get("bit_depth")) in FORMATS[kind].bits:
            options["bit_depth"] = bits
        if image.info.get("nclx_profile"):
            options["nclx_profile"] = image.info["nclx_profile"]
    if (again := loops(image)) is not None and kind in ("GIF", "PNG", "WEBP"):
        options["loop"] = again
    return options


def _sampling(image: JpegImageFile) -> int:
    """Of the colours: what the original has, or the next finer one that can be written."""
    luma = image.layer[0][1:3] if image.layers == 3 else (1, 1)
    chroma = image.layer[1][1:3] if image.layers == 3 else (1, 1)
    across, down = luma[0] // max(chroma[0], 1), luma[1] // max(chroma[1], 1)
    return 0 if across < 2 else 1 if down < 2 else 2


def _aside(image: Image.Image) -> int:
    """Bytes of metadata, which are not the picture's."""
    return sum(
        len(value) for name in ("icc_profile", "exif", "xmp") if isinstance(value := image.info.get(name), bytes)
    )


def _pictures_in_mpo(image: Image.Image) -> int:
    if "mp" not in image.info:
        return 1
    try:
        return int(image._getmp()[0xB001])  # type: ignore[attr-defined]
    except Exception:  # hostile bytes raise almost anything
        return 2
