"""One decoded photo, and what is needed to write a copy of its kind."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Photo:
    """One decoded photo.

    Attributes:
        pixels: uint8 (H, W, 3), RGB in 0..255, upright, in the colours of `icc_profile` (sRGB without a profile).
        alpha: uint8 (H, W), 255 is opaque; None for a photo without transparency.
        format: the format that a copy is written in: "JPEG", "PNG", "WEBP", "TIFF" or "BMP".
        grey: the file holds a single channel, and a copy gets a single channel too.
        lossless: a copy holds the pixels bit for bit.
        icc_profile: the colour profile that fits the pixels, or None.
        exif: all tags but those of `metadata.clean_exif`, with orientation 1; None without tags.
        sha256: the hash of the very bytes that were decoded, in hexadecimal.
        notes: what a copy will not carry over exactly, such as "16-bit samples reduced to 8".
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


def plain(photo: Photo, suffix: str = "png") -> Photo:
    """`photo`, described so that a copy holds three opaque channels.

    Args:
        photo: any photo.
        suffix: the format of the copy: "png" keeps the pixels bit for bit, "jpeg" and "webp" do not.

    Returns:
        The same photo, neither grey nor transparent.
    """
    return replace(photo, format=suffix.upper(), grey=False, alpha=None, lossless=suffix == "png")
