"""ONNX files as they are: opened, checked, and read from disk with the weights that lie next to them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import onnx
import torch
from onnx import TensorProto
from onnx.external_data_helper import load_external_data_for_model, uses_external_data

from guise.models.errors import WeightsError
from guise.models.files.names import printable
from guise.models.formats.identity import check_model_file
from guise.models.formats.inputs import Input

_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16)
_LEVELS = (TensorProto.UINT8, TensorProto.INT8)
_EACH = ("Cast", "Identity", "Sub", "Add", "Mul", "Div")
"""What may happen to each pixel before the channels are brought to the front."""
_TYPES = {6: torch.int32, 7: torch.int64, 9: torch.bool} | {2: torch.uint8, 3: torch.int8}


def read(path: Path) -> Any:
    """An ONNX model with its weights.

    Args:
        path: the file. Its external data lie in the same folder.

    Returns:
        The `onnx.ModelProto`, its own functions written out.

    Raises:
        WeightsError: it is no ONNX file, it is damaged, or files with its weights are missing.
    """
    check_model_file(path)
    try:
        model = onnx.load(path, load_external_data=False)
        named = bool(model.graph.node) and bool(model.opset_import)
    except Exception:  # protobuf's errors share no base class across its versions
        named = False
    if not named:
        raise WeightsError(f"{printable(path)} is not an ONNX file; export the network again")
    _check_external(model, path)
    try:
        load_external_data_for_model(model, str(path.parent))
    except Exception as error:
        what = f"the weights of {printable(path)} cannot be read from the files next to it"
        raise WeightsError(f"{what}: {str(error).splitlines()[0]}; export the network again") from None
    if model.functions:
        from onnx.inliner import inline_local_functions

        model = inline_local_functions(model)
    return model


def opsets(model: Any) -> dict[str, int]:
    """The versions of the operations that a model uses.

    Args:
        model: an `onnx.ModelProto`.

    Returns:
        Versions by domain; "" is ONNX's own.
    """
    return {"" if each.domain == "ai.onnx" else each.domain: each.version for each in model.opset_import}


def inputs(graph: Any) -> list[Input]:
    """The inputs of a graph that are no weights.

    Args:
        graph: an `onnx.GraphProto`.

    Returns:
        In the graph's order.
    """
    weights = {tensor.name for tensor in graph.initializer} | {each.values.name for each in graph.sparse_initializer}
    turned = _turned(graph)
    return [_described(value, value.name in turned) for value in graph.input if value.name not in weights]


def _turned(graph: Any) -> set[str]:
    """Tensors whose last dimension the graph puts before height and width, as it does with channels."""
    names: set[str] = set()
    for node in reversed(graph.node):
        order = next((list(each.ints) for each in node.attribute if each.name == "perm"), None)
        turns = node.op_type == "Transpose" and order == [0, 3, 1, 2]
        if turns or (node.op_type in _EACH and names.intersection(node.output)):
            names.add(node.input[0])
    return names


def _described(value: Any, turned: bool) -> Input:
    kind = value.type.tensor_type
    dims = tuple(max(0, size.dim_value) or None for size in kind.shape.dim) if kind.HasField("shape") else None
    return Input(
        value.name,
        dims,
        dtype=_TYPES.get(kind.elem_type),
        levels=kind.elem_type in _LEVELS,
        numbers=kind.elem_type in (*_FLOATS, *_LEVELS),
        turned=turned,
    )


def _check_external(model: Any, path: Path) -> None:
    """Raise WeightsError that names the files which hold weights and are not there, or end too early."""
    missing: dict[str, int] = {}
    for tensor in _tensors(model):
        if not uses_external_data(tensor):
            continue
        told = {entry.key: entry.value for entry in tensor.external_data}
        file = path.parent / told.get("location", "")
        end = int(told.get("offset", 0)) + int(told.get("length", 0))
        if not file.is_file():
            missing[told.get("location", "")] = 0
        elif file.stat().st_size < end:
            missing.setdefault(told["location"], file.stat().st_size)
    for name, size in missing.items():
        what = f"the weights of {printable(path)}, {printable(name)},"
        if size:
            check_model_file(path.parent / name)
            raise WeightsError(f"{what} are cut short after {size:,} bytes; fetch that file again")
        raise WeightsError(f"{what} are missing; put that file next to it")


def _tensors(model: Any) -> Iterator[Any]:
    graphs = [model.graph]
    while graphs:
        graph = graphs.pop()
        yield from graph.initializer
        for node in graph.node:
            for attribute in node.attribute:
                if attribute.HasField("t"):
                    yield attribute.t
                if attribute.HasField("g"):
                    graphs.append(attribute.g)
