"""Read the constants of a frozen TensorFlow graph (`.pb`) without TensorFlow.

A `GraphDef` is a protocol buffer. This file declares the part of it that holds numbers.

We read this format ourselves: TensorFlow would be a dependency of half a gigabyte for a single file, and OpenCV, which
runs such graphs, passes no gradients to the photo.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from guise.models.errors import WeightsError

_MESSAGES = {  # message: its fields, each with number, type and whether it repeats
    "Dimension": {"size": (1, "INT64", False)},
    "Shape": {"dim": (2, "Dimension", True)},
    "Tensor": {"dtype": (1, "INT32", False), "shape": (2, "Shape", False), "content": (4, "BYTES", False)},
    "Value": {"tensor": (8, "Tensor", False)},
    "Attribute": {"key": (1, "STRING", False), "value": (2, "Value", False)},
    "Node": {"name": (1, "STRING", False), "op": (2, "STRING", False), "attributes": (5, "Attribute", True)},
    "Graph": {"nodes": (1, "Node", True)},
}
_FLOAT = 1  # of TensorFlow's DataType


def read_constants(path: Path) -> dict[str, np.ndarray]:
    """The constants of a graph.

    Args:
        path: a frozen graph.

    Returns:
        float32 arrays by the names of their nodes. Constants of a single number are left out.

    Raises:
        WeightsError: the file is no such graph.
    """
    from google.protobuf.message import DecodeError

    graph = _schema()()
    try:
        graph.ParseFromString(path.read_bytes())
        return {
            node.name: np.frombuffer(tensor.content, "<f4").reshape([side.size for side in tensor.shape.dim])
            for node in graph.nodes
            if node.op == "Const"
            for tensor in (attribute.value.tensor for attribute in node.attributes if attribute.key == "value")
            if tensor.dtype == _FLOAT and tensor.content
        }
    except (DecodeError, ValueError):
        raise WeightsError(f"{path} is not a TensorFlow graph; install it again") from None


@cache
def _schema() -> Any:
    """The class of `Graph` messages."""
    from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

    file = descriptor_pb2.FileDescriptorProto(name="graph.proto", package="guise", syntax="proto3")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        for field, (number, kind, repeats) in fields.items():
            declared = message.field.add(name=field, number=number, label=3 if repeats else 1)
            if kind in _MESSAGES:
                declared.type, declared.type_name = declared.TYPE_MESSAGE, f".guise.{kind}"
            else:
                declared.type = getattr(declared, f"TYPE_{kind}")
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("guise.Graph"))
