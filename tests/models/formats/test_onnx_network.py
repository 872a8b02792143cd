from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

pytest.importorskip("onnx2torch", reason="needs the extra `onnx`")

import onnx
from onnx import TensorProto, helper, numpy_helper

from guise.models.errors import WeightsError
from guise.models.formats import onnx_network
from guise.models.recognisers import card
from guise.models.recognisers.loading import load_recogniser

TEACHER = Path("../shared/data/recognisers/teacher-mobilefacenet-ms1m/MobileFaceNet.onnx")


def save(path: Path, *, shape_as: str, target: list[int], outputs: int = 1, operation: str = "Reshape") -> Path:
    """A graph exported for one image that reshapes (1, 3, 2, 2) to `target`."""
    shape = numpy_helper.from_array(np.array(target, np.int64), "shape")
    nodes = [helper.make_node(operation, ["x", "shape"], ["y0"])]
    if shape_as == "constant":
        nodes.insert(0, helper.make_node("Constant", [], ["shape"], value=shape))
    nodes += [helper.make_node("Relu", ["x"], [f"y{k}"]) for k in range(1, outputs)]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 2, 2])],
        [helper.make_tensor_value_info(f"y{k}", TensorProto.FLOAT, None) for k in range(outputs)],
        initializer=[shape] if shape_as == "initializer" else [],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


@pytest.mark.parametrize("shape_as", ["constant", "initializer"])
@pytest.mark.parametrize("target", [[1, 12], [1, -1], [-1, 12], [0, -1]])
def test_network_for_one_image_takes_many(tmp_path: Path, shape_as: str, target: list[int]) -> None:
    network = onnx_network.load(save(tmp_path / "x.onnx", shape_as=shape_as, target=target))
    images = torch.rand(5, 3, 2, 2)
    torch.testing.assert_close(network(images), images.flatten(1))
    torch.testing.assert_close(network(images[:1]), images[:1].flatten(1))


def test_several_outputs_are_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="1 inputs and 2 outputs"):
        onnx_network.load(save(tmp_path / "x.onnx", shape_as="constant", target=[1, 12], outputs=2))


def test_operation_that_cannot_be_converted_is_named(tmp_path: Path) -> None:
    path = save(tmp_path / "x.onnx", shape_as="constant", target=[1, 12], operation="NoSuchOperation")
    with pytest.raises(WeightsError, match=r"cannot be converted to torch: .*NoSuchOperation") as caught:
        onnx_network.load(path)
    assert "\n" not in str(caught.value)


@pytest.fixture
def teacher(tmp_path: Path) -> Path:
    """A card for the shared MobileFaceNet."""
    if not TEACHER.is_file():
        pytest.skip(f"{TEACHER} is absent")
    fields = {
        "name": "teacher",
        "weights": str(TEACHER.resolve()),
        "mean": [123.675, 116.28, 103.53],
        "std": [58.395, 57.12, 57.375],
        "embedding_size": 128,
    }
    path = tmp_path / "teacher.json"
    path.write_text(json.dumps(card.EXAMPLE | fields))
    return path


def test_teacher_equals_onnxruntime_image_by_image(teacher: Path) -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    recogniser = load_recogniser(f"file:{teacher}")
    images = torch.rand(3, 3, 112, 112, generator=torch.Generator().manual_seed(0))
    ours = recogniser(images)
    session = onnxruntime.InferenceSession(TEACHER, providers=["CPUExecutionProvider"])
    inputs = ((255 * images - recogniser.mean) / recogniser.std).numpy()
    theirs = np.concatenate([session.run(None, {"input0": image[None]})[0] for image in inputs])
    assert F.cosine_similarity(ours, torch.from_numpy(theirs)).min() > 0.9999
    np.testing.assert_allclose(ours, theirs, atol=1e-3 * np.abs(theirs).max())


def test_teacher_passes_gradients(teacher: Path) -> None:
    recogniser = load_recogniser(f"file:{teacher}")
    images = torch.rand(2, 3, 112, 112, requires_grad=True)
    gradient = torch.autograd.grad(recogniser(images).square().sum(), images)[0]
    assert torch.isfinite(gradient).all() and gradient.abs().amax(dim=(1, 2, 3)).min() > 0
