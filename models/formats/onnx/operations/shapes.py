"""Constants, types, and arithmetic on shapes."""

from __future__ import annotations

from typing import Any

import torch
from onnx import TensorProto
from torch import Tensor

from guise.models.formats.onnx.operations.rules import NotRunError, operation

_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16)
_TYPES: dict[int, torch.dtype] = {
    TensorProto.UINT8: torch.uint8,
    TensorProto.INT8: torch.int8,
    TensorProto.UINT16: torch.uint16,
    TensorProto.INT16: torch.int16,
    TensorProto.UINT32: torch.uint32,
    TensorProto.INT32: torch.int32,
    TensorProto.UINT64: torch.uint64,
    TensorProto.INT64: torch.int64,
    TensorProto.BOOL: torch.bool,
}


def _to(node: Any, x: Tensor, kind: int) -> Tensor:
    """Floating types stay in the precision in which the network runs."""
    if kind not in _FLOATS and kind not in _TYPES:
        raise NotRunError(f"{node.name} to {TensorProto.DataType.Name(kind)}")
    return x.to(node.dtype if kind in _FLOATS else _TYPES[kind])


@operation("Identity")
def _same(_: Any, x: Tensor) -> Tensor:
    return x


@operation("Cast")
def _cast(node: Any, x: Tensor) -> Tensor:
    return _to(node, x, node.get("to"))


@operation("CastLike")
def _cast_like(_: Any, x: Tensor, like: Tensor) -> Tensor:
    return x.to(like.dtype)


@operation("Shape")
def _shape(node: Any, x: Tensor) -> Tensor:
    return torch.tensor(x.shape[node.get("start", 0) : node.get("end", None)], dtype=torch.int64)


@operation("Size")
def _count(_: Any, x: Tensor) -> Tensor:
    return torch.tensor(x.numel())


@operation("ConstantOfShape")
def _filled(node: Any, shape: Tensor) -> Tensor:
    value = node.get("value", torch.zeros(1))
    return torch.full(shape.tolist(), value.item(), dtype=node.dtype if value.is_floating_point() else value.dtype)


@operation("Range")
def _range(_: Any, start: Tensor, limit: Tensor, delta: Tensor) -> Tensor:
    return torch.arange(start.item(), limit.item(), delta.item(), dtype=start.dtype)


@operation("EyeLike")
def _eye(node: Any, x: Tensor) -> Tensor:
    whole = torch.zeros(x.shape[0], x.shape[1])
    whole.diagonal(node.get("k", 0)).fill_(1)
    return _to(node, whole, node.get("dtype", TensorProto.FLOAT))


@operation("NonZero")
def _places(_: Any, x: Tensor) -> Tensor:
    return torch.nonzero(x).mT


@operation("OneHot")
def _one_hot(node: Any, places: Tensor, depth: Tensor, values: Tensor) -> Tensor:
    count = int(depth.item())
    axis = node.get("axis", -1)
    hot = torch.nn.functional.one_hot(places.long() % count, count).movedim(-1, axis)
    return torch.where(hot.bool(), values[1], values[0])


@operation("ArgMax", "ArgMin")
def _where_most(node: Any, x: Tensor) -> Tensor:
    function = torch.argmax if node.kind == "ArgMax" else torch.argmin
    return function(x, node.get("axis", 0), keepdim=bool(node.get("keepdims", 1)))


@operation("TopK")
def _most(node: Any, x: Tensor, k: Tensor | None = None) -> Any:
    count = node.get("k") if k is None else int(k.item())
    largest, ordered = bool(node.get("largest", 1)), bool(node.get("sorted", 1))
    return tuple(torch.topk(x, count, node.get("axis", -1), largest, ordered))


@operation("SequenceConstruct")
def _listed(_: Any, *items: Tensor) -> list[Tensor]:
    return list(items)


@operation("SequenceAt")
def _item(_: Any, items: list[Tensor], place: Tensor) -> Tensor:
    return items[int(place.item())]


@operation("SequenceLength")
def _length(_: Any, items: list[Tensor]) -> Tensor:
    return torch.tensor(len(items))


@operation("ConcatFromSequence")
def _joined(node: Any, items: list[Tensor]) -> Tensor:
    join = torch.stack if node.get("new_axis", 0) else torch.cat
    return join(items, node.get("axis"))


@operation("SplitToSequence")
def _parted(node: Any, x: Tensor, sizes: Tensor | None = None) -> list[Tensor]:
    axis = node.get("axis", 0)
    if sizes is None:
        parts = list(x.split(1, axis))
        return parts if node.get("keepdims", 1) else [part.squeeze(axis) for part in parts]
    return list(x.split(int(sizes.item()) if sizes.ndim == 0 else sizes.tolist(), axis))
