"""Whole graphs: batches, layouts, weights in other files, operations that nobody here knows."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from guise.models.errors import UnknownOperationError, WeightsError
from guise.models.formats import onnx as ours
from guise.models.formats.onnx import OnnxNetwork
from tests.models.formats.onnx.graphs import array, model, node, save

CONV = {"w": array(4, 3, 4, 4)}


def patches(source: str = "x", target: str = "y") -> Any:
    return node("Conv", f"{source} w", target, strides=[4, 4])


@pytest.mark.parametrize("target", [[1, 192], [1, -1], [0, -1]])
def test_a_network_for_one_photo_takes_many(target: list[int]) -> None:
    network = OnnxNetwork(model([node("Reshape", "x s")], {"s": np.array(target)}))
    photos = torch.rand(5, 3, 8, 8)
    torch.testing.assert_close(network(photos), photos.flatten(1))


def test_any_number_of_photos_goes_through_at_once_where_the_file_allows() -> None:
    network = OnnxNetwork(model([patches()], CONV, shape=("n", 3, 8, 8)))
    assert network.input_shape == (3, 8, 8) and network(torch.rand(5, 3, 8, 8)).shape == (5, 4, 2, 2)


@pytest.mark.parametrize(
    ("shape", "item"),
    [
        ((1, 3, 8, 8), (3, 8, 8)),
        (("n", 3, "h", "w"), None),
        ((1, 8, 6, 3), (3, 8, 6)),
        (("n", None, None, 3), None),
        ((3, 8, 8), (3, 8, 8)),
        ((1, 5), (5,)),
        ((1, 6, 8, 8), (6, 8, 8)),
        ((8, 6, 3), (3, 8, 6)),
        ((1, 64, 1, 1), (64, 1, 1)),
    ],
)
def test_the_shape_of_a_photo_is_told_channels_first(shape: tuple[Any, ...], item: tuple[int, ...] | None) -> None:
    assert OnnxNetwork(model([node("Relu", "x")], shape=shape)).input_shape == item


def test_photos_are_turned_where_the_file_has_channels_last() -> None:
    nodes = [node("Transpose", "x", "planes", perm=[0, 3, 1, 2]), patches("planes")]
    photos = torch.rand(2, 3, 8, 8)
    straight, turned = (
        OnnxNetwork(model(n, CONV, shape=s)) for n, s in (([patches()], (1, 3, 8, 8)), (nodes, (1, 8, 8, 3)))
    )
    torch.testing.assert_close(turned(photos), straight(photos))


def test_a_file_without_a_batch_takes_photos_one_by_one() -> None:
    photos = torch.rand(2, 3, 8, 8)
    network = OnnxNetwork(model([node("Transpose", "x", perm=[1, 2, 0])], shape=(3, 8, 8)))
    torch.testing.assert_close(network(photos), photos.permute(0, 2, 3, 1))


def test_several_inputs_and_outputs() -> None:
    words = helper.make_tensor_value_info("words", TensorProto.INT64, [1, 4])
    mask = helper.make_tensor_value_info("mask", TensorProto.FLOAT, [1, 4])
    nodes = [node("Cast", "words", "c", to=1), node("Add", "c mask"), patches("x", "z")]
    made = model(nodes, CONV, outputs=("y", "z"))
    made.graph.input.insert(0, mask)
    made.graph.input.append(words)
    network = OnnxNetwork(made)
    assert network.photo.name == "x"
    given, seen = network(torch.rand(2, 3, 8, 8))
    assert torch.equal(given, torch.zeros(2, 4)) and seen.shape == (2, 4, 2, 2)


@pytest.mark.parametrize("size", [2, 8])
def test_a_network_for_several_photos_at_once_takes_any_number(size: int) -> None:
    """Exporters write the batch into shapes; [8, -1] would fit one photo too, and mix it up."""
    arrays = CONV | {"s": np.array([size, -1]), "t": np.array([size, 4, 4])}
    nodes = [patches("x", "p"), node("Reshape", "p t", "q"), node("Relu", "q", "r"), node("Reshape", "r s")]
    network = OnnxNetwork(model(nodes, arrays, shape=(size, 3, 8, 8)))
    alone = OnnxNetwork(model([patches("x", "p"), node("Relu", "p", "q"), node("Flatten", "q")], CONV))
    for count in (1, size, size + 1):
        photos = torch.rand(count, 3, 8, 8)
        torch.testing.assert_close(network(photos), alone(photos))


@pytest.mark.parametrize("other", [[1, 4], [1, 1, 9, 9], [1, 64, 1, 1], [1, 6, 8, 8]])
def test_the_photo_is_told_from_other_inputs(other: list[int]) -> None:
    made = model([patches()], CONV, others=(helper.make_tensor_value_info("mask", TensorProto.FLOAT, other),))
    made.graph.input.insert(0, made.graph.input.pop(1))
    assert OnnxNetwork(made).photo.name == "x"


def test_a_graph_that_turns_photos_of_open_size_takes_channels_last() -> None:
    nodes = [node("Cast", "x", "c", to=1), node("Transpose", "c", "planes", perm=[0, 3, 1, 2]), patches("planes")]
    photos = torch.rand(2, 3, 8, 8)
    turned = OnnxNetwork(model(nodes, CONV, shape=("n", "h", "w", "c")))
    torch.testing.assert_close(turned(photos), OnnxNetwork(model([patches()], CONV))(photos))


def test_gradients_pass_and_copies_are_apart() -> None:
    network = OnnxNetwork(
        model([patches(), node("Sigmoid", "y", "z"), node("Softmax", "z", "out")], CONV, outputs=("out",))
    )
    photo = torch.rand(1, 3, 8, 8, requires_grad=True)
    network(photo).square().sum().backward()  # type: ignore[no-untyped-call]
    assert photo.grad is not None and photo.grad.abs().min() > 0
    other = copy.deepcopy(network).double()
    assert other(photo.double()).dtype == torch.float64 and network(photo).dtype == torch.float32


def test_types_follow_the_precision_in_which_it_runs() -> None:
    nodes = [node("Cast", "x", "h", to=TensorProto.FLOAT16), node("Cast", "h", "f", to=1), node("Mul", "f k")]
    network = OnnxNetwork(model(nodes, {"k": np.float16([3])}))
    photo = torch.rand(1, 3, 8, 8, dtype=torch.float64)
    assert torch.equal(network.double()(photo), 3 * photo)
    assert network.half()(photo.half()).dtype == torch.float16


def test_weights_in_another_file_are_read_and_missed_by_name(tmp_path: Path) -> None:
    made = model([patches()], CONV)
    path = tmp_path / "x.onnx"
    onnx.save(made, path, save_as_external_data=True, location="w.data", size_threshold=0)
    photo = torch.rand(1, 3, 8, 8)
    torch.testing.assert_close(ours.load(path)(photo), OnnxNetwork(model([patches()], CONV))(photo))
    weights = tmp_path / "w.data"
    weights.write_bytes(weights.read_bytes()[:100])
    with pytest.raises(WeightsError, match=r"w\.data, are cut short after 100 bytes"):
        ours.load(path)
    weights.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 768\n")
    with pytest.raises(WeightsError, match=r"w\.data is a Git LFS pointer"):
        ours.load(path)
    weights.unlink()
    with pytest.raises(WeightsError, match=r"x\.onnx, w\.data, are missing"):
        ours.load(path)


def test_sizes_of_minus_one_are_open() -> None:
    made = model([patches()], CONV)
    made.graph.input[0].type.tensor_type.shape.dim[0].dim_value = -1
    assert OnnxNetwork(made)(torch.rand(5, 3, 8, 8)).shape == (5, 4, 2, 2)


def test_what_is_no_network_of_this_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.onnx"
    for content, words in ((b"no model", "is text"), (bytes(range(128, 256)) * 40, "is not an ONNX file")):
        path.write_bytes(content)
        with pytest.raises(WeightsError, match=words):
            ours.load(path)
    with pytest.raises(WeightsError, match="is of opset 6"):
        ours.load(save(path, [node("Relu", "x")], opset=6))


def test_an_operation_that_torch_does_not_have_runs_forward_only() -> None:
    kept = node("NonMaxSuppression", "b s k", "kept")
    boxes = np.array([[[0, 0, 1, 1], [0, 0, 1, 1.1], [2, 2, 3, 3]]], np.float32)
    nodes = [kept, node("ReduceMean", "x", "s", axes=[2]), node("Cast", "kept", "y", to=1)]
    made = model(nodes, {"b": boxes, "k": np.array([2])}, opset=13, shape=(1, 1, 1, 3))
    made.graph.node[1].attribute.append(helper.make_attribute("keepdims", 0))
    made.graph.node.insert(0, made.graph.node.pop(1))
    network = OnnxNetwork(made)
    assert network.forward_only == ("NonMaxSuppression",)
    assert network(torch.tensor([[[[0.9, 0.8, 0.7]]]])).tolist() == [[0, 0, 0], [0, 0, 2]]


def test_an_operation_that_nothing_knows_is_named_and_does_not_hide_what_runs() -> None:
    strange = helper.make_node("Strange", ["a"], ["y"], domain="com.example")
    network = OnnxNetwork(model([patches("x", "a"), strange], CONV, domains=("com.example",)))
    with pytest.raises(UnknownOperationError, match=r"uses com\.example\.Strange, which is not run here") as caught:
        network(torch.rand(1, 3, 8, 8))
    assert "\n" not in str(caught.value)


def test_functions_of_a_model_are_written_out(tmp_path: Path) -> None:
    made = model([helper.make_node("Twice", ["x"], ["y"], domain="local")], domains=("local",))
    body = [helper.make_node("Add", ["a", "a"], ["b"])]
    made.functions.append(helper.make_function("local", "Twice", ["a"], ["b"], body, [helper.make_opsetid("", 18)]))
    onnx.save(made, tmp_path / "x.onnx")
    photo = torch.rand(1, 3, 8, 8)
    assert torch.equal(ours.load(tmp_path / "x.onnx")(photo), 2 * photo)
