"""ONNX graphs written node by node, and what ONNX's own reference makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from guise.models.formats.onnx import OnnxNetwork


def array(*shape: int, seed: int = 0) -> Any:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def model(
    nodes: list[Any],
    arrays: dict[str, Any] | None = None,
    *,
    opset: int = 18,
    shape: tuple[Any, ...] = (1, 3, 8, 8),
    outputs: tuple[str, ...] = ("y",),
    others: tuple[Any, ...] = (),
    kind: int = TensorProto.FLOAT,
    domains: tuple[str, ...] = (),
) -> Any:
    """A network of one input `x`, and `others`."""
    taken = [helper.make_tensor_value_info("x", kind, shape), *others]
    given = [helper.make_empty_tensor_value_info(name) for name in outputs]
    tensors = [numpy_helper.from_array(np.asarray(values), name) for name, values in (arrays or {}).items()]
    graph = helper.make_graph(nodes, "network", taken, given, tensors)
    sets = [helper.make_opsetid("", opset), *(helper.make_opsetid(domain, 1) for domain in domains)]
    return helper.make_model(graph, opset_imports=sets, ir_version=8)


def save(path: Path, *args: Any, **how: Any) -> Path:
    onnx.save(model(*args, **how), path)
    return path


def node(kind: str, inputs: str, outputs: str = "y", **attributes: Any) -> Any:
    """Names of inputs and outputs are words; "-" stands for one that is left out."""
    names = [name.replace("-", "") for name in inputs.split()]
    return helper.make_node(kind, names, outputs.split(), **attributes)


def check(made: Any, x: Any, *, tolerance: float = 1e-5) -> None:
    """Our network gives what the reference gives, in single and in double precision."""
    expected = ReferenceEvaluator(made).run(None, {"x": x})
    for dtype in (torch.float32, torch.float64):
        network = OnnxNetwork(made).to(dtype)
        given = network(torch.from_numpy(x).to(dtype)) if x.ndim else network(torch.tensor(x))
        outputs = given if isinstance(given, tuple) else (given,)
        for ours, theirs in zip(outputs, expected, strict=True):
            assert tuple(ours.shape) == np.shape(theirs)
            np.testing.assert_allclose(ours.double().numpy(), theirs, rtol=tolerance, atol=tolerance)
