"""Operations that move values: reshaping, slices, padding, gathers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from guise.models.formats.onnx.operations.rules import NotRunError, numbers, operation


@operation("Reshape")
def _reshape(node: Any, x: Tensor, shape: Tensor | None = None) -> Tensor:
    wanted = numbers(shape if shape is not None else node.get("shape")) or []
    kept = not node.get("allowzero", 0)
    return x.reshape([x.shape[index] if size == 0 and kept else size for index, size in enumerate(wanted)])


@operation("Flatten")
def _flatten(node: Any, x: Tensor) -> Tensor:
    axis = node.get("axis", 1)
    axis = axis + x.ndim if axis < 0 else axis
    return x.reshape(math.prod(x.shape[:axis]), -1) if x.numel() else x.reshape(math.prod(x.shape[:axis]), 0)


@operation("Transpose")
def _transpose(node: Any, x: Tensor) -> Tensor:
    return x.permute(node.get("perm") or list(reversed(range(x.ndim))))


@operation("Squeeze")
def _squeeze(node: Any, x: Tensor, axes: Tensor | None = None) -> Tensor:
    chosen = numbers(axes) if axes is not None else node.get("axes")
    return x.squeeze() if chosen is None else x.squeeze(tuple(chosen))


@operation("Unsqueeze")
def _unsqueeze(node: Any, x: Tensor, axes: Tensor | None = None) -> Tensor:
    chosen = numbers(axes) or node.get("axes")
    for axis in sorted(place % (x.ndim + len(chosen)) for place in chosen):
        x = x.unsqueeze(axis)
    return x


@operation("Expand")
def _expand(_: Any, x: Tensor, shape: Tensor) -> Tensor:
    return x.expand(torch.broadcast_shapes(x.shape, tuple(shape.tolist())))


@operation("Tile")
def _tile(_: Any, x: Tensor, repeats: Tensor) -> Tensor:
    return x.repeat(repeats.tolist())


@operation("Concat")
def _join(node: Any, *inputs: Tensor) -> Tensor:
    return inputs[0] if len(inputs) == 1 else torch.cat(inputs, node.get("axis", 1))


@operation("Split")
def _split(node: Any, x: Tensor, sizes: Tensor | None = None) -> Any:
    axis, given = node.get("axis", 0), numbers(sizes) if sizes is not None else node.get("split")
    if given is None:
        given = math.ceil(x.shape[axis] / len(node.targets))
    return tuple(x.split(given, axis))


@operation("Slice")
def _slice(
    node: Any,
    x: Tensor,
    starts: Tensor | None = None,
    ends: Tensor | None = None,
    axes: Tensor | None = None,
    steps: Tensor | None = None,
) -> Tensor:
    first: list[int] = numbers(starts if starts is not None else node.get("starts")) or []
    last: list[int] = numbers(ends if ends is not None else node.get("ends")) or []
    chosen = (numbers(axes) if axes is not None else node.get("axes")) or list(range(len(first)))
    for axis, start, end, step in zip(chosen, first, last, numbers(steps) or [1] * len(first), strict=True):
        places = range(x.shape[axis])[slice(start, None if step < 0 and end < -x.shape[axis] else end, step)]
        if step > 0:
            index: list[slice] = [slice(None)] * x.ndim
            index[axis] = slice(places.start, places.stop, step)
            x = x[tuple(index)]
        else:
            x = x.index_select(axis, torch.tensor(list(places), dtype=torch.int64))
    return x


@operation("Pad")
def _pad(
    node: Any, x: Tensor, pads: Tensor | None = None, value: Tensor | None = None, axes: Tensor | None = None
) -> Tensor:
    given: list[int] = numbers(pads if pads is not None else node.get("pads")) or []
    chosen = numbers(axes) or list(range(x.ndim))
    filler = float(value.item()) if value is not None else node.get("value", 0.0)
    mode = node.get("mode", "constant")
    pairs = {
        axis % x.ndim: pair for axis, *pair in zip(chosen, given[: len(chosen)], given[len(chosen) :], strict=True)
    }
    if mode == "constant":
        return F.pad(x, [size for axis in reversed(range(x.ndim)) for size in pairs.get(axis, [0, 0])], value=filler)
    for axis, (before, after) in pairs.items():
        inside = np.arange(x.shape[axis])[max(0, -before) : x.shape[axis] - max(0, -after)]
        places = np.pad(inside, (max(0, before), max(0, after)), mode=mode)
        x = x.index_select(axis, torch.from_numpy(places))
    return x


@operation("CenterCropPad")
def _centre(node: Any, x: Tensor, sizes: Tensor) -> Tensor:
    for axis, size in zip(node.get("axes") or range(x.ndim), sizes.tolist(), strict=True):
        less = x.shape[axis] - size
        before = less // 2 if less > 0 else -(-less // 2)
        places = torch.arange(before, before + size)
        inside = (places >= 0) & (places < x.shape[axis])
        shape = [-1 if each == axis % x.ndim else 1 for each in range(x.ndim)]
        moved = x.index_select(axis, places.clamp(0, x.shape[axis] - 1))
        x = torch.where(inside.view(shape), moved, torch.zeros((), dtype=x.dtype))
    return x


@operation("Gather")
def _gather(node: Any, x: Tensor, places: Tensor) -> Tensor:
    axis = node.get("axis", 0) % x.ndim
    flat = x.index_select(axis, places.flatten().long() % max(1, x.shape[axis]))
    return flat.reshape([*x.shape[:axis], *places.shape, *x.shape[axis + 1 :]])


@operation("GatherElements")
def _gather_each(node: Any, x: Tensor, places: Tensor) -> Tensor:
    axis = node.get("axis", 0)
    return x.gather(axis, places.long() % x.shape[axis])


@operation("GatherND")
def _gather_slices(node: Any, x: Tensor, places: Tensor) -> Tensor:
    batch = node.get("batch_dims", 0)
    inner = [places[..., index] for index in range(places.shape[-1])]
    outer = [
        torch.arange(x.shape[axis]).view([-1 if place == axis else 1 for place in range(places.ndim - 1)])
        for axis in range(batch)
    ]
    return x[(*outer, *inner)]


@operation("ScatterND")
def _scatter_slices(node: Any, x: Tensor, places: Tensor, updates: Tensor) -> Tensor:
    kind, where = node.get("reduction", "none"), tuple(places[..., index] for index in range(places.shape[-1]))
    if kind not in ("none", "add"):
        raise NotRunError(f"{node.kind} with {kind}")
    return x.index_put(where, updates, accumulate=kind == "add")


@operation("ScatterElements", "Scatter")
def _scatter_each(node: Any, x: Tensor, places: Tensor, updates: Tensor) -> Tensor:
    axis, kind = node.get("axis", 0), node.get("reduction", "none")
    places = places.long() % x.shape[axis]
    if kind == "none":
        return x.scatter(axis, places, updates)
    return x.scatter_reduce(axis, places, updates, {"add": "sum", "mul": "prod", "max": "amax", "min": "amin"}[kind])


@operation("DepthToSpace")
def _depth_to_space(node: Any, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    s = node.get("blocksize")
    if node.get("mode", "DCR") == "CRD":
        return x.reshape(b, c // s**2, s, s, h, w).permute(0, 1, 4, 2, 5, 3).reshape(b, c // s**2, h * s, w * s)
    return x.reshape(b, s, s, c // s**2, h, w).permute(0, 3, 4, 1, 5, 2).reshape(b, c // s**2, h * s, w * s)


@operation("SpaceToDepth")
def _space_to_depth(node: Any, x: Tensor) -> Tensor:
    b, c, h, w = x.shape
    s = node.get("blocksize")
    return x.reshape(b, c, h // s, s, w // s, s).permute(0, 3, 5, 1, 2, 4).reshape(b, c * s**2, h // s, w // s)


@operation("Trilu")
def _triangle(node: Any, x: Tensor, k: Tensor | None = None) -> Tensor:
    diagonal = 0 if k is None else int(k.item())
    return torch.triu(x, diagonal) if node.get("upper", 1) else torch.tril(x, diagonal)


@operation("ReverseSequence")
def _reverse(node: Any, x: Tensor, lengths: Tensor) -> Tensor:
    time, batch = node.get("time_axis", 0), node.get("batch_axis", 1)
    parts = []
    for index, length in enumerate(lengths.tolist()):
        part = x.select(batch, index)
        axis = time if time < batch else time - 1
        start, rest = part.split([length, part.shape[axis] - length], axis)
        parts.append(torch.cat([start.flip(axis), rest], axis))
    return torch.stack(parts, batch)
