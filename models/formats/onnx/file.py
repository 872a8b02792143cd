"""ONNX files as they are: opened, checked, and read from disk with the weights that lie next to them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
from onnx import TensorProto
from onnx.external_data_helper import load_external_data_for_model, uses_external_data

from guise.models.errors import WeightsError
from guise.models.files.names import printable
from guise.models.formats.identity import check_model_file

_CHANNELS = range(1, 5)
_FLOATS = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16)
_LEVELS = (TensorProto.UINT8, TensorProto.INT8)


@dataclass(frozen=True)
class Input:
    """One input of a network.

    Attributes:
        name: in the graph.
        type: ONNX's number of its element type.
        dims: sizes, None where the file leaves one open; None in all where it names no shape.
    """

    name: str
    type: int
    dims: tuple[int | None, ...] | None

    @property
    def batched(self) -> bool:
        """Its first dimension counts photos. A single picture of three dimensions has none."""
        dims = self.dims
        return not (dims and len(dims) == 3 and dims[0] in _CHANNELS and all(size and size > 4 for size in dims[1:]))

    @property
    def channels_last(self) -> bool:
        """(N, H, W, C), as TensorFlow has it."""
        dims = self.dims
        return bool(dims and len(dims) == 4 and dims[3] in _CHANNELS and dims[1] not in _CHANNELS)

    @property
    def batch(self) -> int | None:
        """How many photos it takes at once; None for any number."""
        return None if not self.dims or not self.batched else self.dims[0]

    @property
    def item(self) -> tuple[int, ...] | None:
        """Shape of one photo, channels first; None where the file leaves it open."""
        if self.dims is None:
            return None
        dims = self.dims[1:] if self.batched else self.dims
        dims = (dims[2], dims[0], dims[1]) if self.channels_last else dims
        known = tuple(size for size in dims if size)
        return known if known and len(known) == len(dims) else None


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
    return [_described(value) for value in graph.input if value.name not in weights]


def photo_of(taken: list[Input]) -> int:
    """Which input takes the photo: the first with four dimensions, else the first that takes numbers.

    Args:
        taken: at least one input.

    Returns:
        Its place.
    """
    numbers = [index for index, each in enumerate(taken) if each.type in (*_FLOATS, *_LEVELS)] or [0]
    pictures = [index for index in numbers if len(taken[index].dims or ()) == 4]
    return (pictures or numbers)[0]


def takes_levels(taken: Input) -> bool:
    """Whether an input takes whole levels, 0 to 255.

    Args:
        taken: the input.

    Returns:
        True for integers of 8 bits.
    """
    return taken.type in _LEVELS


def _described(value: Any) -> Input:
    kind = value.type.tensor_type
    if not kind.HasField("shape"):
        return Input(value.name, kind.elem_type, None)
    return Input(value.name, kind.elem_type, tuple(size.dim_value or None for size in kind.shape.dim))


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
