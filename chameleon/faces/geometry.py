"""Transforms between a photo, the mask's canonical frame and a recogniser's input.

Points are (x, y) in pixels, the centre of the first pixel at (0, 0). A transform is a float64 (2, 3) matrix that
maps source points to target points: a rotation, a uniform scale and a shift.
"""

from __future__ import annotations

from typing import cast

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from guise.models.recognisers import record

ARCFACE_TEMPLATE = np.array(record.ARCFACE_TEMPLATE)
"""Where the five landmarks lie in a 112 x 112 crop (J. Deng et al., "ArcFace", CVPR 2019)."""

CANVAS = 160
"""Side, in pixels, of the canonical frame in which our masks are defined."""

CANONICAL_TEMPLATE = (ARCFACE_TEMPLATE - (55.913, 51.6)) * 1.2 + (79.5, 65.5)
"""The five landmarks in the canonical frame: eyes 42 pixels apart, room for forehead, chin and ears."""


def align(source: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Find the transform that brings points nearest to others, by least squares.

    Source: S. Umeyama, "Least-squares estimation of transformation parameters", PAMI 1991. In the plane, without
    reflections, it is one complex division.

    Args:
        source: float (N, 2), points to be mapped.
        target: float (N, 2), where they should come to lie.

    Returns:
        float64 (2, 3).
    """
    origin_s, origin_t = source.mean(0), target.mean(0)
    s = (source - origin_s) @ (1, 1j)
    t = (target - origin_t) @ (1, 1j)
    factor = (s.conj() @ t) / (s.conj() @ s).real
    rotation = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]])
    return np.column_stack([rotation, origin_t - rotation @ origin_s])


def inverse(transform: np.ndarray) -> np.ndarray:
    """Invert a transform.

    Args:
        transform: float64 (2, 3).

    Returns:
        float64 (2, 3), the transform that undoes it.
    """
    linear = np.linalg.inv(transform[:, :2])
    return np.column_stack([linear, -linear @ transform[:, 2]])


def compose(first: np.ndarray, then: np.ndarray) -> np.ndarray:
    """Join two transforms.

    Args:
        first: float64 (2, 3), the one that is applied first.
        then: float64 (2, 3), the one that is applied after it.

    Returns:
        float64 (2, 3), both in one.
    """
    return np.column_stack([then[:, :2] @ first[:, :2], then[:, :2] @ first[:, 2] + then[:, 2]])


def apply(transform: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Map points.

    Args:
        transform: float64 (2, 3).
        points: float (N, 2).

    Returns:
        float64 (N, 2).
    """
    return cast(np.ndarray, points @ transform[:, :2].T + transform[:, 2])


def scale_of(transform: np.ndarray) -> float:
    """Tell by how much a transform magnifies.

    Args:
        transform: float64 (2, 3).

    Returns:
        Target pixels for each source pixel along a line.
    """
    return float(np.sqrt(abs(np.linalg.det(transform[:, :2]))))


def sampling_grid(transforms: Tensor, *, height: int, width: int, top: int = 0) -> Tensor:
    """Tell where each target pixel lies in the source.

    Args:
        transforms: float (N, 2, 3), from target to source.
        height: H, rows of the target.
        width: W, columns of the target.
        top: the first of the rows.

    Returns:
        float (N, H, W, 2), source points in pixels.
    """
    ys, xs = torch.meshgrid(
        torch.arange(top, top + height, dtype=transforms.dtype, device=transforms.device),
        torch.arange(width, dtype=transforms.dtype, device=transforms.device),
        indexing="ij",
    )
    points = torch.stack([xs, ys, torch.ones_like(xs)], dim=-1)
    return torch.einsum("hwk,njk->nhwj", points, transforms)


def sample(images: Tensor, grid: Tensor, *, padding: str = "zeros", mode: str = "bilinear") -> Tensor:
    """Sample images; differentiable.

    Args:
        images: float (N or 1, C, h, w).
        grid: float (N, H, W, 2), points in pixels of the images.
        padding: what lies beyond an image's border: "zeros", or "border" to repeat the edge.
        mode: "bilinear", or "bicubic", which shows no creases where images are enlarged much.

    Returns:
        float (N, C, H, W).
    """
    size = torch.tensor([images.shape[3], images.shape[2]], dtype=grid.dtype, device=grid.device)
    normalised = (2 * grid + 1) / size - 1
    images = images.expand(len(grid), -1, -1, -1)
    return F.grid_sample(images, normalised.to(images.dtype), mode=mode, padding_mode=padding, align_corners=False)


def covered(to_frame: np.ndarray, *, size: int, height: int, width: int) -> tuple[slice, slice]:
    """Find the part of a photo that lies under a square frame.

    Args:
        to_frame: float64 (2, 3), transform from the photo to the frame.
        size: side of the frame, in pixels.
        height: of the photo, in pixels.
        width: of the photo, in pixels.

    Returns:
        Rows and columns of the smallest rectangle that holds it; empty ones where it lies outside the photo.
    """
    last = size - 1
    frame = np.array([(0, 0), (last, 0), (0, last), (last, last)], dtype=float)
    corners = apply(inverse(to_frame), frame)
    left, top = np.clip(np.floor(corners.min(0)), 0, (width, height)).astype(int)
    right, bottom = np.clip(np.ceil(corners.max(0)) + 1, 0, (width, height)).astype(int)
    return slice(int(top), int(bottom)), slice(int(left), int(right))


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Compute how much two boxes overlap.

    Args:
        a: float64 (4,), left, top, right, bottom.
        b: float64 (4,), the same of the other box.

    Returns:
        Intersection over union, in [0, 1].
    """
    width, height = np.clip(np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2]), 0, None)
    area = [(box[2] - box[0]) * (box[3] - box[1]) for box in (a, b)]
    return float(width * height / max(sum(area) - width * height, 1e-9))


def crop(pixels: np.ndarray, to_crop: np.ndarray, *, size: int) -> Tensor:
    """Cut an aligned crop out of a photo.

    Where the crop is much coarser than the photo, the photo is first shrunk by an area average, so that nothing
    aliases. Beyond the photo's border its edge pixels are repeated.

    Args:
        pixels: uint8 (H, W, 3) RGB, the photo.
        to_crop: float64 (2, 3), transform from the photo to the crop.
        size: side of the crop, in pixels.

    Returns:
        float32 (3, size, size) in [0, 1].
    """
    to_photo = inverse(to_crop)
    corners = apply(to_photo, np.array([(0, 0), (size - 1, 0), (0, size - 1), (size - 1, size - 1)], dtype=float))
    height, width = pixels.shape[:2]
    low = np.clip(np.floor(corners.min(0)) - 4, 0, (width - 1, height - 1)).astype(int)
    high = np.clip(np.ceil(corners.max(0)) + 5, low + 1, (width, height)).astype(int)
    part = torch.from_numpy(np.ascontiguousarray(pixels[low[1] : high[1], low[0] : high[0]]))
    image = part.permute(2, 0, 1)[None].float() / 255
    shrink = max(1, int(scale_of(to_photo) + 1e-6))
    if shrink > 1:
        image = F.pad(image, (0, -image.shape[3] % shrink, 0, -image.shape[2] % shrink), mode="replicate")
        image = F.avg_pool2d(image, shrink)
    offset = np.column_stack([np.eye(2) / shrink, (-low - (shrink - 1) / 2) / shrink])
    transform = torch.from_numpy(compose(to_photo, offset))[None]
    return sample(image, sampling_grid(transform, height=size, width=size), padding="border")[0]
