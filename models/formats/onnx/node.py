"""One operation of an ONNX graph: in torch where we know it, else forward only, by ONNX Runtime or ONNX's reference."""

from __future__ import annotations

import copy
import itertools
import weakref
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from onnx import helper, numpy_helper
from torch import Tensor, nn

from guise.models.formats.onnx.operations.rules import NotRunError

_STANDARD = ("", "ai.onnx")
_FLOATS = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
_NODES: weakref.WeakValueDictionary[int, Node] = weakref.WeakValueDictionary()
_NUMBERS = itertools.count()


class Node(nn.Module):
    """One operation with its attributes.

    Args:
        proto: the `onnx.NodeProto`.
        opset: version of the operation's set.
        rule: computes it in torch from the node and its inputs; None where we do not know it.
        graphs: made of the attributes that are graphs.
    """

    def __init__(self, proto: Any, opset: int, rule: Callable[..., Any] | None, graphs: dict[str, nn.Module]) -> None:
        super().__init__()
        self.kind, self.domain, self.opset = proto.op_type, proto.domain, opset
        self.targets = tuple(proto.output)
        self.reads = (*proto.input, *_captured(proto, set(proto.input)))
        """Names of its inputs, and of what its graphs use of the graph around them."""
        self.attributes = {each.name: _value(each) for each in proto.attribute if each.name not in graphs}
        self.graphs = nn.ModuleDict(graphs)
        self._rule, self._proto = rule, proto if rule is None else None
        self._run_foreign: Callable[[Sequence[Any]], Sequence[Any]] | None = None

        self.dtype = torch.float32
        """In which the network runs; whatever floating type the file names, numbers get this one."""

    @property
    def name(self) -> str:
        """What messages call the operation."""
        return self.kind if self.domain in _STANDARD else f"{self.domain}.{self.kind}"

    @property
    def passes_gradients(self) -> bool:
        """It is computed by torch."""
        return self._rule is not None

    def get(self, name: str, default: Any = None) -> Any:
        """An attribute.

        Args:
            name: of the attribute.
            default: where the file does not give it.

        Returns:
            Its value.
        """
        return self.attributes.get(name, default)

    def forward(self, *inputs: Tensor | None) -> Sequence[Any]:
        """The outputs of the operation.

        Args:
            *inputs: of `reads`; None for those that are left out.

        Returns:
            One value an output.

        Raises:
            NotRunError: nothing here can run it.
        """
        if self._rule is not None:
            outputs = self._rule(self, *inputs)
            return outputs if isinstance(outputs, tuple) else (outputs,)  # a list is one value, a sequence
        number = next(_NUMBERS)
        _NODES[number] = self
        self._given = [value is not None for value in inputs]
        outputs = torch.ops.guise.onnx_operation([value for value in inputs if value is not None], number)
        if not outputs:
            raise NotRunError(self.name)
        return outputs

    def __deepcopy__(self, memo: dict[int, Any]) -> Node:
        other = self.__class__.__new__(self.__class__)
        memo[id(self)] = other
        nn.Module.__init__(other)
        for name, value in self.__dict__.items():
            if name not in ("_parameters", "_buffers", "_modules", "_run_foreign"):
                other.__dict__[name] = value
        other.graphs, other._run_foreign = copy.deepcopy(self.graphs, memo), None
        return other

    def compute(self, given: list[Tensor]) -> list[Tensor]:
        """The outputs by other means than torch; none where nothing runs it.

        Args:
            given: the inputs that are not left out.

        Returns:
            One tensor an output, or an empty list.
        """
        values = iter(given)
        inputs = [next(values) if there else None for there in self._given]
        wide = {value.dtype for value in given if value.is_floating_point()}
        arrays = [None if value is None else _array(value) for value in inputs]
        try:
            self._run_foreign = self._run_foreign or _foreign(self._proto, self.reads, self.opset, arrays)
            outputs = [torch.from_numpy(np.array(output)) for output in self._run_foreign(arrays)]
        except Exception:  # whatever an unknown operation's evaluator raises
            return []
        to = next(iter(wide)) if len(wide) == 1 else torch.float32
        return [output.to(to) if output.dtype in _FLOATS else output for output in outputs]


@torch.library.custom_op("guise::onnx_operation", mutates_args=())
def _onnx_operation(given: list[Tensor], number: int) -> list[Tensor]:
    """An operation that torch does not see into, so that whoever watches torch sees that it reads its inputs."""
    node = _NODES.get(number)
    return [] if node is None else node.compute(given)


def constant(proto: Any) -> Any | None:
    """What a node of the kind Constant holds.

    Args:
        proto: the `onnx.NodeProto`.

    Returns:
        An array; None where it holds text, or a sparse tensor.
    """
    (attribute,) = proto.attribute
    value = _value(attribute)
    if isinstance(value, Tensor):
        return value.numpy()
    kinds = {"value_float": "f4", "value_floats": "f4", "value_int": "i8", "value_ints": "i8"}
    return np.array(value, kinds[attribute.name]) if attribute.name in kinds else None


def reads(tensors: Sequence[Tensor]) -> None:
    """Tell whoever watches torch that something unknown reads these tensors.

    Args:
        tensors: any number.
    """
    torch.ops.guise.onnx_operation(list(tensors), -1)


def _array(value: Tensor) -> Any:
    value = value.detach().cpu()
    return (value.float() if value.dtype in _FLOATS else value).numpy()


def _value(attribute: Any) -> Any:
    value = helper.get_attribute_value(attribute)
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, list) and value and isinstance(value[0], bytes):
        return [each.decode("utf-8", "replace") for each in value]
    return torch.from_numpy(numpy_helper.to_array(value).copy()) if hasattr(value, "raw_data") else value


def _captured(proto: Any, known: set[str]) -> list[str]:
    """Names that the graphs in a node's attributes use and do not make."""
    names: dict[str, None] = {}
    for graph in (attribute.g for attribute in proto.attribute if attribute.HasField("g")):
        inside = known | {value.name for value in (*graph.input, *graph.initializer)}
        for node in graph.node:
            names |= dict.fromkeys(name for name in node.input if name and name not in inside)
            names |= dict.fromkeys(_captured(node, inside))
            inside |= set(node.output)
        names |= dict.fromkeys(value.name for value in graph.output if value.name not in inside)
    return list(names)


def _foreign(
    proto: Any, names: Sequence[str], opset: int, arrays: Sequence[Any]
) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """A network of this one operation, in ONNX Runtime where it is installed, else in ONNX's reference."""
    given = [(name, array) for name, array in zip(names, arrays, strict=True) if array is not None]
    ends = [
        helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), array.shape)
        for name, array in dict(given).items()
    ]
    outputs = [helper.make_empty_tensor_value_info(name) for name in proto.output if name]
    graph = helper.make_graph([proto], "one operation", ends, outputs)
    sets = [helper.make_opsetid(proto.domain, opset)]
    if proto.domain not in _STANDARD:
        sets.append(helper.make_opsetid("", 18))
    model = helper.make_model(graph, opset_imports=sets, ir_version=10)
    try:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        session = onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"])
    except Exception:  # not installed, or it does not know the operation either
        from onnx.reference import ReferenceEvaluator

        session = ReferenceEvaluator(model)

    def run(values: Sequence[Any]) -> Sequence[Any]:
        feed = {name: value for name, value in zip(names, values, strict=True) if value is not None}
        outcome: Sequence[Any] = session.run(None, feed)
        return outcome

    return run
