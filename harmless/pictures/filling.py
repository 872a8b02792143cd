"""Put other content into the null space of what a model reads, in whole levels."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from guise.harmless.pictures.box import fit_to_box
from guise.harmless.pictures.certificate import as_pixels, as_tensor
from guise.harmless.pictures.rounding import SearchSettings, round_exactly
from guise.harmless.projection import Projector
from guise.models.errors import InputError

_STEPS = 200
Mode = Literal["replace", "add"]


@dataclass(frozen=True)
class FillSettings:
    """How the picture is changed.

    The names of the fields go into the hash by which a run knows the copies that it made before.

    Attributes:
        mode: `replace` erases the null part and puts the target's in its place, so that what is left of the original
            is what the model reads. `add` adds the target's null part to it, and an average over copies takes it off
            again.
        magnitude: of the change: share of the replacement in (0, 1], or root mean square of what is added in levels.
            None: 1, or 32.
        exact_uint8: search for whole levels that measure as the original does; else plain rounding.
        search: for `exact_uint8`.

    Raises:
        InputError: the magnitude does not fit the mode.
    """

    mode: Mode = "replace"
    magnitude: float | None = None
    exact_uint8: bool = False
    search: SearchSettings = field(default_factory=SearchSettings)

    def __post_init__(self) -> None:
        if self.mode not in ("replace", "add"):
            raise InputError(f"`mode={self.mode}` is not known: give replace or add")
        most = 1.0 if self.mode == "replace" else 255.0
        if self.magnitude is not None and not 0 < self.magnitude <= most:
            what = "a share in (0, 1]" if self.mode == "replace" else "in levels, in (0, 255]: a PNG holds no more"
            raise InputError(f"`magnitude={self.magnitude:g}` does not fit `mode={self.mode}`: give {what}")


def fill(
    pixels: NDArray[np.uint8],
    projector: Projector,
    target: NDArray[np.uint8],
    *,
    settings: FillSettings | None = None,
) -> NDArray[np.uint8]:
    """A picture with other content where an operator does not look.

    Args:
        pixels: uint8 (H, W, 3), of the size that the operator reads.
        projector: onto the null space of the operator.
        target: uint8 (H, W, 3), what is put in.
        settings: how.

    Returns:
        uint8 (H, W, 3).

    Raises:
        InputError: the picture has another size, or there is nothing in the null space to put in.
    """
    settings = settings or FillSettings()
    check_size(pixels, projector.operator.input_shape)
    original, aim = as_tensor(pixels), as_tensor(target)
    if settings.mode == "replace":
        change = (settings.magnitude or 1.0) * projector.null(aim - original)
    else:
        change = projector.null(aim - aim.mean())
        change *= (settings.magnitude or 32.0) / change.square().mean().sqrt().clamp(min=1e-9)
    if float(change.abs().max()) < 1e-6:
        raise InputError("this target changes nothing where the model does not look: choose another with `target=`")
    # Single precision and so many steps are enough: whole levels cost more than what these leave.
    wanted = (original + change).float()
    fitted = fit_to_box(original.float(), wanted, projector, max_iterations=_STEPS).pixels.double()
    if settings.exact_uint8:
        fitted = round_exactly(fitted, original, projector, settings=settings.search)
    return as_pixels(fitted.round())


def check_size(pixels: NDArray[np.uint8], shape: tuple[int, ...]) -> None:
    """Refuse a photo of another size than a model reads.

    Args:
        pixels: (H, W, 3).
        shape: (3, height, width), what the model reads.

    Raises:
        InputError: it has another size.
    """
    height, width = shape[1:]
    if pixels.shape[:2] != (height, width):
        raise InputError(f"it is {pixels.shape[1]}x{pixels.shape[0]}, the model reads {width}x{height}; resize it")


def seed_of(sha256: str, seed: int) -> int:
    """A seed for a photo's own noise.

    Args:
        sha256: of the photo.
        seed: the user's.

    Returns:
        A seed below 2^48.
    """
    return (int(sha256[:12], 16) + seed) % 2**48
