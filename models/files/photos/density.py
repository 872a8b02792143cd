"""How densely a picture is printed: JFIF, pHYs, TIFF and EXIF say it in different units."""

from dataclasses import dataclass, replace
from typing import Any, Literal

from PIL import Image
from PIL.ExifTags import Base

Unit = Literal["inch", "cm", "m", "none"]

_PER_METRE = {"inch": 1 / 0.0254, "cm": 100.0, "m": 1.0}
_EXIF_UNITS: dict[int, Unit] = {1: "none", 2: "inch", 3: "cm"}
_JFIF_UNITS: dict[int, Unit] = {0: "none", 1: "inch", 2: "cm"}
_JFIF_AT = 13  # of the unit in a file that begins with its JFIF segment; two densities of two bytes follow


@dataclass(frozen=True)
class Density:
    """Pixels a length.

    Attributes:
        x: across.
        y: down.
        unit: of length; with "none" only the ratio of x and y, the shape of a pixel, is known.
    """

    x: float
    y: float
    unit: Unit = "inch"

    def turned(self) -> "Density":
        """The density of the picture turned by a quarter."""
        return replace(self, x=self.y, y=self.x)

    def per(self, unit: Unit) -> tuple[float, float]:
        """The density in another unit.

        Args:
            unit: a length.

        Returns:
            Across and down.
        """
        factor = _PER_METRE[self.unit] / _PER_METRE[unit]
        return self.x * factor, self.y * factor


def from_exif(exif: Image.Exif) -> Density | None:
    """The density that EXIF or TIFF tags tell.

    Args:
        exif: the tags.

    Returns:
        The density; None where there is none, or none that makes sense.
    """
    try:
        x, y = float(exif[Base.XResolution]), float(exif[Base.YResolution])
        unit = _EXIF_UNITS[int(exif.get(Base.ResolutionUnit, 2))]
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return None
    return _sensible(x, y, unit)


def to_exif(density: Density) -> Image.Exif:
    """EXIF that tells a density and nothing else.

    Args:
        density: in any unit.

    Returns:
        The tags.
    """
    exif = Image.Exif()
    unit: Unit = "inch" if density.unit == "m" else density.unit
    x, y = (density.x, density.y) if unit == density.unit else density.per(unit)
    exif[Base.XResolution], exif[Base.YResolution] = x, y
    exif[Base.ResolutionUnit] = next(code for code, name in _EXIF_UNITS.items() if name == unit)
    return exif


def from_jfif(info: dict[Any, Any]) -> Density | None:
    """The density in the header of a JPEG.

    Args:
        info: what Pillow has read.

    Returns:
        The density; None without one.
    """
    if "jfif_density" not in info:
        return None
    x, y = info["jfif_density"]
    unit = _JFIF_UNITS.get(int(info.get("jfif_unit", 0)), "none")
    return None if unit == "none" and x == y else _sensible(x, y, unit)


def into_jfif(data: bytes, density: Density) -> bytes:
    """Write a density into the header of a JPEG.

    Args:
        data: a file that begins with its JFIF segment, as encoders write it.
        density: in any unit.

    Returns:
        The file.
    """
    if data[2:4] != b"\xff\xe0" or data[6:11] != b"JFIF\0":
        return data
    unit: Unit = "inch" if density.unit == "m" else density.unit
    values = (density.x, density.y) if unit == density.unit else density.per(unit)
    code = next(code for code, name in _JFIF_UNITS.items() if name == unit)
    body = bytes([code]) + b"".join(min(max(round(value), 1), 65_535).to_bytes(2, "big") for value in values)
    return data[:_JFIF_AT] + body + data[_JFIF_AT + len(body) :]


def from_phys(body: bytes) -> Density | None:
    """The density in a PNG's pHYs chunk.

    Args:
        body: of the chunk.

    Returns:
        The density; None where it makes no sense.
    """
    if len(body) != 9:
        return None
    x, y = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
    return _sensible(x, y, "m" if body[8] == 1 else "none")


def to_phys(density: Density) -> bytes:
    """The body of a pHYs chunk.

    Args:
        density: in any unit.

    Returns:
        Nine bytes.
    """
    values = (density.x, density.y) if density.unit == "none" else density.per("m")
    whole = [min(max(round(value), 1), 2**31 - 1) for value in values]
    return b"".join(value.to_bytes(4, "big") for value in whole) + bytes([density.unit != "none"])


def _sensible(x: float, y: float, unit: Unit) -> Density | None:
    return Density(x, y, unit) if 0 < x < 1e7 and 0 < y < 1e7 else None
