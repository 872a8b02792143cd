"""ONNX files as torch modules, for batches of any size (needs the extra `onnx`)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import onnx
import onnx2torch
from onnx import numpy_helper
from torch import nn

from guise.models.errors import WeightsError, first_line


def load(path: Path) -> nn.Module:
    """The network of an ONNX file.

    Args:
        path: the file.

    Returns:
        A torch module with one input and one output, for batches of any size.

    Raises:
        WeightsError: the file is no ONNX network, or uses operations that cannot be converted.
    """
    try:
        model = onnx.load(path)
    except Exception:  # protobuf's errors share no base class across its versions
        raise WeightsError(f"{path} is not an ONNX file") from None
    inputs = _inputs(model.graph)
    if len(inputs) != 1 or len(model.graph.output) != 1:
        counts = f"{len(inputs)} inputs and {len(model.graph.output)} outputs"
        raise WeightsError(f"{path} has {counts}; export it with one of each")
    _free_batch_dimension(model)
    try:
        return cast(nn.Module, onnx2torch.convert(model))
    except Exception as error:  # any operation's converter may fail in its own way
        raise WeightsError(f"{path} cannot be converted to torch: {first_line(error)}") from None


def input_shape(path: Path) -> tuple[int, ...] | None:
    """The shape that a network takes.

    Args:
        path: an ONNX file.

    Returns:
        The shape of one item of a batch; None where the file leaves a dimension open.
    """
    (taken,) = _inputs(onnx.load(path, load_external_data=False).graph)
    shape = tuple(dimension.dim_value for dimension in taken.type.tensor_type.shape.dim[1:])
    return shape if shape and all(shape) else None


def _inputs(graph: Any) -> list[Any]:
    """The inputs that are no weights."""
    weights = {tensor.name for tensor in graph.initializer}
    return [value for value in graph.input if value.name not in weights]


def _free_batch_dimension(model: Any) -> None:
    """Let a network that was exported for one image take any number of images."""
    graph = model.graph
    for value in (*graph.input, *graph.output):
        dimensions = value.type.tensor_type.shape.dim
        if len(dimensions) > 1 and dimensions[0].dim_value == 1:
            dimensions[0].dim_param = "batch"
    targets = {node.input[1] for node in graph.node if node.op_type == "Reshape"}
    for node in graph.node:
        if node.op_type == "Constant" and node.output[0] in targets:
            for attribute in node.attribute:
                if attribute.name == "value":
                    _keep_first_dimension(attribute.t)
    for tensor in graph.initializer:
        if tensor.name in targets:
            _keep_first_dimension(tensor)


def _keep_first_dimension(shape: Any) -> None:
    """Turn the target (1, ...) of a Reshape into (0, ...), which means: as many as come in."""
    values = numpy_helper.to_array(shape).copy()
    if values.size > 1 and values[0] == 1:
        values[0] = 0
        shape.CopyFrom(numpy_helper.from_array(values, shape.name))
