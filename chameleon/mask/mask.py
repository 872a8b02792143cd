"""The mask: one perturbation per user, put on any photo of theirs and taken off again.

The perturbation is defined in the canonical frame. In a photo it is registered by landmarks, scaled to the budget of
visibility and rounded to whole grey levels BEFORE it is added. So what was added does not depend on the photo's pixels,
and subtracting it restores every pixel that did not clip (see `guise.chameleon.restoration`).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import torch
from torch.nn import functional as F

from guise.chameleon.faces import geometry
from guise.models.files import copied

REFINEMENT_STEP = 0.25 / 255
"""Unit of a refinement, as a share of the full range; it is a quarter of a grey level."""


_STRIP = 1024  # rows of a photo


@dataclass(frozen=True)
class Placement:
    """Where and how strongly a mask lies in one photo.

    Attributes:
        to_canonical: float64 (2, 3), photo to canonical frame.
        amplitude: factor on the mask's values.
        grey: whether the photo has one channel, into which all three of the mask are averaged.
        refinement: int8 (3, S, S), what the photo's own mask has more than the user's, in steps of `REFINEMENT_STEP`;
            None for nothing.
        bicubic: whether the mask is enlarged by bicubic interpolation; version 0.1 did so bilinearly.
    """

    to_canonical: np.ndarray
    amplitude: float
    grey: bool = False
    refinement: np.ndarray | None = None
    bicubic: bool = True


@dataclass(frozen=True)
class Patch:
    """Whole grey levels to add to a rectangle of a photo.

    Attributes:
        rows: of the photo.
        columns: of the photo.
        levels: int16 (rows, columns, 3).
    """

    rows: slice
    columns: slice
    levels: np.ndarray

    def within(self, rows: slice, columns: slice) -> Patch:
        """Cut the patch to a rectangle of the photo.

        Args:
            rows: of the photo.
            columns: of the photo.

        Returns:
            The part of the patch in that rectangle, placed in the rectangle.
        """
        top, bottom = _overlap(self.rows, rows)
        left, right = _overlap(self.columns, columns)
        levels = self.levels[
            top - self.rows.start : bottom - self.rows.start, left - self.columns.start : right - self.columns.start
        ]
        return Patch(
            slice(top - rows.start, bottom - rows.start), slice(left - columns.start, right - columns.start), levels
        )


def _overlap(a: slice, b: slice) -> tuple[int, int]:
    start = max(a.start, b.start)
    return start, max(start, min(a.stop, b.stop))


@dataclass(frozen=True)
class Mask:
    """A user's mask.

    Attributes:
        values: float32 (3, S, S), RGB in units of the full range (1 = 255 levels), as added to a photo at amplitude 1.
        template: float64 (5, 2), the landmark template: where the landmarks lie in the frame of `values`.
        epsilon: no channel of any pixel is changed by more than this, in the units of `values`.
    """

    values: np.ndarray = field(repr=False)
    template: np.ndarray = field(repr=False)
    epsilon: float

    @property
    def size(self) -> int:
        """Side of the canonical frame, in pixels."""
        return int(self.values.shape[-1])

    @cached_property
    def digest(self) -> str:
        """Hexadecimal SHA-256 of the mask's values, template and epsilon, which identifies it."""
        values = np.ascontiguousarray(self.values, dtype="<f4")
        template = np.ascontiguousarray(self.template, dtype="<f8")
        return hashlib.sha256(values.tobytes() + template.tobytes() + repr(self.epsilon).encode()).hexdigest()

    def refined(self, refinement: np.ndarray | None) -> Mask:
        """Put a photo's refinement on the mask.

        Args:
            refinement: int8 (3, S, S), in steps of `REFINEMENT_STEP`; None for nothing.

        Returns:
            The refined mask, within epsilon; this mask itself where there is no refinement.
        """
        if refinement is None:
            return self
        values = np.clip(self.values + np.float32(REFINEMENT_STEP) * refinement, -self.epsilon, self.epsilon)
        return Mask(values.astype(np.float32), self.template, self.epsilon)

    def warp(
        self, to_canonical: np.ndarray, *, height: int, width: int, bicubic: bool = True
    ) -> tuple[slice, slice, np.ndarray]:
        """Lay the mask on a photo, before scaling and rounding.

        Args:
            to_canonical: float64 (2, 3), transform from the photo to the canonical frame.
            height: of the photo, in pixels.
            width: of the photo, in pixels.
            bicubic: whether to interpolate by cubic splines, not bilinearly.

        Returns:
            Rows, columns and float64 values (rows, columns, 3) of the smallest rectangle of the photo that holds the
            mask; an empty rectangle where the mask lies outside the photo.
        """
        rows, columns = geometry.covered(to_canonical, size=self.size, height=height, width=width)
        if rows.stop <= rows.start or columns.stop <= columns.start:
            return slice(0, 0), slice(0, 0), np.zeros((0, 0, 3))
        # Double precision: a rounding that differs between two machines would spoil exact restoration.
        values = torch.from_numpy(self.values).double()[None]
        transform = geometry.compose(
            np.column_stack([np.eye(2), (columns.start, rows.start)]).astype(float), to_canonical
        )
        finer = geometry.scale_of(to_canonical)  # canonical pixels per photo pixel
        if finer > 1:  # a small face: shrink the mask first, so that nothing aliases
            side = max(1, round(self.size / finer))
            values = F.interpolate(values, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
            ratio = side / self.size
            shrink = np.array([[ratio, 0, (ratio - 1) / 2], [0, ratio, (ratio - 1) / 2]])
            transform = geometry.compose(transform, shrink)
        mode = "bicubic" if bicubic else "bilinear"
        high, wide = rows.stop - rows.start, columns.stop - columns.start
        warped = np.empty((high, wide, 3))
        for top in range(0, high, _STRIP):  # all at once, a large face would take gigabytes
            strip = min(_STRIP, high - top)
            grid = geometry.sampling_grid(torch.from_numpy(transform)[None], height=strip, width=wide, top=top)
            warped[top : top + strip] = geometry.sample(values, grid, mode=mode)[0].permute(1, 2, 0).numpy()
        return rows, columns, warped

    def patch(self, placement: Placement, *, height: int, width: int) -> Patch:
        """Compute what to add to a photo.

        Args:
            placement: where and how strongly the mask lies there.
            height: of the photo, in pixels.
            width: of the photo, in pixels.

        Returns:
            The patch.
        """
        mask = self.refined(placement.refinement)
        rows, columns, warped = mask.warp(placement.to_canonical, height=height, width=width, bicubic=placement.bicubic)
        return Patch(rows, columns, self.levels(warped, amplitude=placement.amplitude, grey=placement.grey))

    def levels(self, warped: np.ndarray, *, amplitude: float, grey: bool = False) -> np.ndarray:
        """Scale and round mask values.

        Args:
            warped: float64 (..., 3), as `warp` gives them.
            amplitude: factor on the values.
            grey: whether the photo has one channel.

        Returns:
            int16 (..., 3), whole grey levels within epsilon.
        """
        if grey:
            warped = np.broadcast_to(warped.mean(axis=-1, keepdims=True), warped.shape)
        largest = np.floor(255 * self.epsilon + 1e-9)
        levels = np.empty(warped.shape, np.int16)
        for top in range(0, len(warped), _STRIP):
            scaled = np.rint(255 * amplitude * warped[top : top + _STRIP])
            levels[top : top + _STRIP] = np.clip(scaled, -largest, largest)
        return levels


def add(pixels: np.ndarray, patch: Patch) -> np.ndarray:
    """Add a patch to a photo.

    Args:
        pixels: uint8 (H, W, 3) RGB; they stay as they are.
        patch: what to add.

    Returns:
        uint8 (H, W, 3), clipped at black and white.
    """
    protected = copied(pixels)
    area = protected[patch.rows, patch.columns]
    area[...] = np.clip(area + patch.levels, 0, 255)
    return protected


def subtract(pixels: np.ndarray, patch: Patch) -> np.ndarray:
    """Subtract a patch from a photo.

    Args:
        pixels: uint8 (H, W, 3) RGB; they stay as they are.
        patch: what was added.

    Returns:
        uint8 (H, W, 3); pixels that had clipped stay off by what clipping took.
    """
    restored = copied(pixels)
    area = restored[patch.rows, patch.columns]
    area[...] = np.clip(area - patch.levels, 0, 255)
    return restored
