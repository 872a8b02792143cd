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


@dataclass(frozen=True)
class GenerationSettings:
    """How the picture is changed.

    Attributes:
        mode: `replace` erases the null part and puts the target's in its place, so that what is left of the original
            is what the model reads; `add` adds the target's null part to it, which averaging over copies takes off.
        magnitude: of the change: share of the replacement in (0, 1], or root mean square of what is added in levels.
        exact_uint8: search for whole levels that measure as the original does; else plain rounding.
        search: for `exact_uint8`.
    """

    mode: Literal["replace", "add"] = "replace"
    magnitude: float | None = None
    exact_uint8: bool = False
    search: SearchSettings = field(default_factory=SearchSettings)

    def __post_init__(self) -> None:
        most = 1.0 if self.mode == "replace" else 255.0
        if self.magnitude is not None and not 0 < self.magnitude <= most:
            what = "a share in (0, 1]" if self.mode == "replace" else "in levels, in (0, 255]: a PNG holds no more"
            raise InputError(f"--magnitude {self.magnitude:g} does not fit --mode {self.mode}: give {what}")


def generate(
    pixels: NDArray[np.uint8],
    projector: Projector,
    target: NDArray[np.uint8],
    *,
    settings: GenerationSettings | None = None,
) -> NDArray[np.uint8]:
    """`pixels` with other content where the operator of `projector` does not look.

    Args:
        pixels: uint8 (H, W, 3), of the size that the operator reads.
        projector: onto the null space.
        target: uint8 (H, W, 3).

    Returns:
        uint8 (H, W, 3).

    Raises:
        InputError: the picture has another size, or there is nothing in the null space to put in.
    """
    settings = settings or GenerationSettings()
    check_size(pixels, projector.operator.input_shape)
    original, aim = as_tensor(pixels), as_tensor(target)
    if settings.mode == "replace":
        change = (settings.magnitude or 1.0) * projector.null(aim - original)
    else:
        change = projector.null(aim - aim.mean())
        change *= (settings.magnitude or 32.0) / change.square().mean().sqrt().clamp(min=1e-9)
    if float(change.abs().max()) < 1e-6:
        raise InputError("this target changes nothing where the model does not look: choose another with --target")
    # Single precision and so many steps are enough: whole levels cost more than what they leave.
    wanted = (original + change).float()
    fitted = fit_to_box(original.float(), wanted, projector, max_iterations=_STEPS).pixels.double()
    if settings.exact_uint8:
        fitted = round_exactly(fitted, original, projector, settings=settings.search)
    return as_pixels(fitted.round())


def check_size(pixels: NDArray[np.uint8], shape: tuple[int, ...]) -> None:
    """Raise InputError unless a photo (H, W, 3) is what a model of (3, height, width) takes."""
    height, width = shape[1:]
    if pixels.shape[:2] != (height, width):
        raise InputError(f"it is {pixels.shape[1]}x{pixels.shape[0]}, the model reads {width}x{height}; resize it")


def seed_of(sha256: str, seed: int) -> int:
    """A seed for a photo's own noise."""
    return (int(sha256[:12], 16) + seed) % 2**48
