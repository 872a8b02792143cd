"""An ONNX network as a torch module that runs its graph node by node, as the file has it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from guise.models.errors import UnknownOperationError, WeightsError, first_line
from guise.models.files.names import printable
from guise.models.formats.batches import in_batches
from guise.models.formats.inputs import photo_of
from guise.models.formats.onnx import file
from guise.models.formats.onnx.node import Node, constant, reads
from guise.models.formats.onnx.operations import rule_for
from guise.models.formats.onnx.operations.rules import NotRunError

_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


class _Missing:
    """In place of a value that an operation would have given, had it run."""

    def __init__(self, reason: str) -> None:
        self.reason = reason


class Graph(nn.Module):
    """The nodes of a graph in their order, with the weights that it holds.

    Args:
        proto: the `onnx.GraphProto`.
        opsets: versions by domain.
    """

    def __init__(self, proto: Any, opsets: Mapping[str, int]) -> None:
        super().__init__()
        self.inputs, self.outputs = [value.name for value in proto.input], [value.name for value in proto.output]
        self.weights = nn.Module()
        self._weight_names: dict[str, str] = {}
        self._order: list[str] = []
        for tensor in proto.initializer:
            self._add_weight(tensor.name, numpy_helper.to_array(tensor))
        for sparse in proto.sparse_initializer:
            self._add_weight(sparse.values.name, _dense(sparse))
        for index, node in enumerate(proto.node):
            if node.op_type == "Constant" and (array := constant(node)) is not None:
                self._add_weight(node.output[0], array)
            else:
                self._add_node(node, index, opsets)

    def _add_node(self, proto: Any, index: int, opsets: Mapping[str, int]) -> None:
        graphs: dict[str, nn.Module] = {
            each.name: Graph(each.g, opsets) for each in proto.attribute if each.HasField("g")
        }
        domain = "" if proto.domain == "ai.onnx" else proto.domain
        name = (proto.name or f"{proto.op_type}_{index}").strip("/").replace(".", "_")
        name = f"{name}_{index}" if not name or hasattr(self, name) else name
        self.add_module(name, Node(proto, opsets.get(domain, 1), rule_for(domain, proto.op_type), graphs))
        self._order.append(name)

    @property
    def _nodes(self) -> list[Node]:
        return [node for name in self._order if isinstance(node := self.get_submodule(name), Node)]

    def _add_weight(self, name: str, array: Any) -> None:
        own = name.replace(".", "_") or "unnamed"
        while hasattr(self.weights, own):
            own += "_"
        value = (
            torch.from_numpy(np.array(array)) if array.dtype.kind in "fiub" else torch.from_numpy(array.astype("f4"))
        )
        self.weights.register_buffer(own, value.float() if value.dtype in _FLOATS else value)
        self._weight_names[name] = own

    def run(self, given: Mapping[str, Any]) -> list[Any]:
        """The graph's outputs.

        Args:
            given: its inputs by name, and what it uses of a graph around it.

        Returns:
            One value an output. `_Missing` where an operation before it could not run.
        """
        values: dict[str, Any] = {"": None, **given}
        values |= {name: getattr(self.weights, own) for name, own in self._weight_names.items() if name not in given}
        nodes = self._nodes
        last = {name: node for node in nodes for name in node.reads}
        for node in nodes:
            values |= zip(node.targets, self._outputs(node, values), strict=False)
            for name in {*node.reads, *node.targets}:
                if last.get(name, node) is node and name not in self.outputs and name:
                    values.pop(name, None)
        return [values.get(name, _Missing(f"an output {name!r} that nothing gives")) for name in self.outputs]

    def _outputs(self, node: Node, values: Mapping[str, Any]) -> Sequence[Any]:
        inputs = [values.get(name, _Missing(f"an input {name!r} that nothing gives")) for name in node.reads]
        lost = next((value for value in inputs if isinstance(value, _Missing)), None)
        if lost is None:
            try:
                if node.kind == "If":
                    branch = node.graphs["then_branch" if bool(inputs[0]) else "else_branch"]
                    assert isinstance(branch, Graph)
                    return branch.run(dict(zip(node.reads, inputs, strict=True)))
                return node(*inputs)
            except NotRunError as error:
                lost = _Missing(str(error))
        reads([value for value in inputs if isinstance(value, Tensor)])
        return [lost] * len(node.targets)


class OnnxNetwork(Graph):
    """The network of an ONNX file, in the precision of the photos that it is given.

    Operations that we know run in torch, and pass gradients back. Others run by ONNX Runtime, where it is installed, or
    by ONNX's own reference: forward only. Numbers of other floating types, such as halves, are computed in the photos'
    precision. Inputs other than the photo are zeros.

    Args:
        model: the `onnx.ModelProto`.

    Attributes:
        photo: the input that takes the photo.
        input_shape: of one photo, channels first; None where the file leaves it open.
    """

    def __init__(self, model: Any) -> None:
        super().__init__(model.graph, file.opsets(model))
        taken = file.inputs(model.graph)
        place = photo_of(taken)
        self.photo, self._others = taken[place], taken[:place] + taken[place + 1 :]
        self.input_shape = self.photo.item

    @property
    def forward_only(self) -> tuple[str, ...]:
        """Operations that pass no gradient back."""
        nodes = [module for module in self.modules() if isinstance(module, Node)]
        return tuple(sorted({node.name for node in nodes if not node.passes_gradients and node.kind != "If"}))

    def forward(self, photos: Tensor) -> Any:
        """What the network gives for photos.

        Args:
            photos: (N, C, H, W), or of the shape that the file names; channels first also where the file has them last.

        Returns:
            A tensor, or a tuple where the network has several outputs; the first dimension counts photos.

        Raises:
            UnknownOperationError: an operation cannot be run; all that does not depend on it has run.
        """
        return in_batches(self._run, photos, self.photo.batch)

    def _run(self, photos: Tensor) -> Any:
        for module in self.modules():
            if isinstance(module, Node):
                module.dtype = photos.dtype
        given = {self.photo.name: self.photo.arranged(photos)}
        given |= {other.name: other.zeros(photos) for other in self._others}
        outputs = self.run(given)
        for output in outputs:
            if isinstance(output, _Missing):
                what = f"the network uses {output.reason}, which is not run here"
                raise UnknownOperationError(f"{what}: what reads its input can be inspected, no more")
        outputs = outputs if self.photo.batched else [output[None] for output in outputs]
        return outputs[0] if len(outputs) == 1 else tuple(outputs)


def load(path: Path) -> OnnxNetwork:
    """The network of an ONNX file of any opset from 7 on.

    Args:
        path: the file.

    Returns:
        A torch module.

    Raises:
        WeightsError: it is no ONNX file, is damaged, is older, or files with its weights are missing.
    """
    model = file.read(path)
    opset = file.opsets(model).get("", 1)
    if opset < 7:
        raise WeightsError(f"{printable(path)} is of opset {opset}; export it with opset 7 or later")
    if not file.inputs(model.graph):
        raise WeightsError(f"{printable(path)} takes no input, so it reads no photo")
    try:
        return OnnxNetwork(model)
    except Exception as error:  # a damaged graph may fail anywhere
        raise WeightsError(f"{printable(path)} is damaged: {first_line(error)}; export the network again") from None


def _dense(sparse: Any) -> Any:
    values, places = numpy_helper.to_array(sparse.values), numpy_helper.to_array(sparse.indices)
    whole = np.zeros(tuple(sparse.dims), values.dtype)
    if places.ndim == 1:
        whole.reshape(-1)[places] = values
    else:
        whole[tuple(places.T)] = values
    return whole
