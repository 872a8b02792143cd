"""Resizing: a matrix along each axis, so that it is seen to be linear. The node's modes choose its entries."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from guise.models.formats.onnx.operations.rules import numbers, operation


@operation("Upsample")
def _upsample(node: Any, x: Tensor, scales: Tensor | None = None) -> Tensor:
    factors = scales.tolist() if scales is not None else node.get("scales")
    sizes = [math.floor(size * factor) for size, factor in zip(x.shape, factors, strict=True)]
    mode = node.get("mode", "nearest")
    return _resized(x, sizes, factors, mode=mode, where="asymmetric", nearest="floor", cubic=-0.75)


@operation("Resize")
def _resize(
    node: Any, x: Tensor, region: Tensor | None = None, scales: Tensor | None = None, sizes: Tensor | None = None
) -> Tensor:
    if node.opset < 11:  # Resize(x, scales)
        return _upsample(node, x, region)
    axes = [axis % x.ndim for axis in node.get("axes") or range(x.ndim)]
    wanted, factors = list(x.shape), [1.0] * x.ndim
    if sizes is not None and sizes.numel():
        given = numbers(sizes) or []
        policy = node.get("keep_aspect_ratio_policy", "stretch")
        ratios = [size / x.shape[axis] for axis, size in zip(axes, given, strict=True)]
        common = {"not_larger": min(ratios), "not_smaller": max(ratios)}.get(policy)
        for axis, size, ratio in zip(axes, given, ratios, strict=True):
            wanted[axis] = size if common is None else math.floor(x.shape[axis] * common + 0.5)
            factors[axis] = ratio if common is None else common
    else:
        for axis, factor in zip(axes, [] if scales is None else scales.tolist(), strict=True):
            wanted[axis], factors[axis] = math.floor(x.shape[axis] * factor), factor
    where = node.get("coordinate_transformation_mode", "half_pixel")
    crop = [(0.0, 1.0)] * x.ndim
    if where == "tf_crop_and_resize" and region is not None:
        ends = region.tolist()
        for place, axis in enumerate(axes):
            crop[axis] = (ends[place], ends[place + len(axes)])
    return _resized(
        x,
        wanted,
        factors,
        mode=node.get("mode", "nearest"),
        where=where,
        nearest=node.get("nearest_mode", "round_prefer_floor"),
        cubic=node.get("cubic_coeff_a", -0.75),
        crop=crop,
        outside=bool(node.get("exclude_outside", 0)),
        antialias=bool(node.get("antialias", 0)),
        beyond=node.get("extrapolation_value", 0.0),
    )


def _resized(
    x: Tensor,
    sizes: list[int],
    factors: list[float],
    *,
    mode: str,
    where: str,
    nearest: str,
    cubic: float,
    crop: list[tuple[float, float]] | None = None,
    outside: bool = False,
    antialias: bool = False,
    beyond: float = 0.0,
) -> Tensor:
    covered = None
    for axis, (size, factor) in enumerate(zip(sizes, factors, strict=True)):
        length, region = x.shape[axis], crop[axis] if crop else (0.0, 1.0)
        if size == length and factor == 1 and region == (0.0, 1.0):
            continue
        places = _coordinates(size, length, factor, where, region)
        if mode == "nearest":
            index = _nearest(places, nearest).clamp(0, length - 1).long()
            x = x.index_select(axis, index)
        else:
            matrix = _weights(places, length, min(1.0, factor) if antialias else 1.0, mode, cubic, outside)
            x = (x.movedim(axis, -1) @ matrix.to(x).mT).movedim(-1, axis)
        if where == "tf_crop_and_resize":
            inside = ((places >= 0) & (places <= length - 1)).view(
                [-1 if each == axis else 1 for each in range(x.ndim)]
            )
            covered = inside if covered is None else covered & inside
    return x if covered is None else x * covered + beyond * (~covered).to(x.dtype)


def _coordinates(size: int, length: int, factor: float, where: str, region: tuple[float, float]) -> Tensor:
    """Where in the input each output lies: float64 (size,)."""
    x = torch.arange(size, dtype=torch.float64)
    if where == "align_corners":
        return x * (length - 1) / (size - 1) if size > 1 else torch.zeros_like(x)
    if where == "asymmetric":
        return x / factor
    if where == "tf_crop_and_resize":
        start, end = region
        if size > 1:
            return start * (length - 1) + x * (end - start) * (length - 1) / (size - 1)
        return torch.full_like(x, 0.5 * (start + end) * (length - 1))
    if where == "pytorch_half_pixel" and size == 1:
        return torch.zeros_like(x)
    if where == "tf_half_pixel_for_nn":
        return (x + 0.5) / factor
    if where == "half_pixel_symmetric":
        offset = length / 2 * (1 - size / (factor * length))
        return offset + (x + 0.5) / factor - 0.5
    return (x + 0.5) / factor - 0.5


def _nearest(places: Tensor, mode: str) -> Tensor:
    if mode == "floor":
        return places.floor()
    if mode == "ceil":
        return places.ceil()
    return (places - 0.5).ceil() if mode == "round_prefer_floor" else (places + 0.5).floor()


def _weights(places: Tensor, length: int, shrink: float, mode: str, cubic: float, outside: bool) -> Tensor:
    """Rows of what each output takes of the input: float64 (size, length)."""
    reach = math.ceil((1 if mode == "linear" else 2) / shrink)
    taps = places.floor()[:, None] + torch.arange(-reach + 1, reach + 1)
    distance = ((places[:, None] - taps) * shrink).abs()
    weights = (1 - distance).clamp(min=0) if mode == "linear" else _cubic(distance, cubic)
    if outside:
        weights = weights * ((taps >= 0) & (taps < length))
    if outside or shrink < 1:
        weights = weights / weights.sum(1, keepdim=True)
    matrix = torch.zeros(len(places), length, dtype=torch.float64)
    return matrix.scatter_add_(1, taps.clamp(0, length - 1).long(), weights)


def _cubic(x: Tensor, a: float) -> Tensor:
    """Keys' kernel (IEEE Transactions on Acoustics, Speech, and Signal Processing 29, 1981)."""
    near = (a + 2) * x**3 - (a + 3) * x**2 + 1
    far = a * x**3 - 5 * a * x**2 + 8 * a * x - 4 * a
    return torch.where(x <= 1, near, torch.where(x < 2, far, torch.zeros_like(x)))
