"""Colours that a PNG describes by chunks, without a profile (PNG specification, third edition, 4.3 and 11.3.2)."""

import numpy as np
from numpy.typing import NDArray

_ORDER = (b"cICP", b"iCCP", b"sRGB", b"gAMA")  # the first that is there counts
_USUAL = 1 / 2.2
_NEAR = 0.1  # share by which a gamma may differ from the usual one and still look alike

Chunks = tuple[tuple[bytes, bytes], ...]


def unusual_gamma(chunks: Chunks) -> float | None:
    """Tell whether a picture's levels mean other light than levels usually do.

    Args:
        chunks: of the PNG, kinds and bodies.

    Returns:
        The gamma of its gAMA chunk, such as 1.0 for linear light, where that decides how it is shown and differs from
        the usual 1 / 2.2; else None.
    """
    bodies = dict(chunks)
    if next((kind for kind in _ORDER if kind in bodies), b"") != b"gAMA" or len(bodies[b"gAMA"]) != 4:
        return None
    gamma = int.from_bytes(bodies[b"gAMA"], "big") / 100_000
    return gamma if 0.01 < gamma < 10 and abs(gamma / _USUAL - 1) > _NEAR else None


def with_usual_gamma(pixels: NDArray[np.uint8], gamma: float) -> NDArray[np.uint8]:
    """The levels that show the same light with the usual gamma.

    Args:
        pixels: uint8 (H, W, 3), stored with `gamma`.
        gamma: as of a gAMA chunk.

    Returns:
        uint8 (H, W, 3).
    """
    levels = 255 * (np.arange(256) / 255) ** (_USUAL / gamma)
    return levels.round().astype(np.uint8)[pixels]


def without_gamma(chunks: Chunks) -> Chunks:
    """The chunks of a picture that has got the usual gamma.

    Args:
        chunks: of the PNG.

    Returns:
        The same with the usual gamma in gAMA.
    """
    usual = round(_USUAL * 100_000).to_bytes(4, "big")
    return tuple((kind, usual if kind == b"gAMA" else body) for kind, body in chunks)
