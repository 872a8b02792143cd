"""Each operation against ONNX's own reference, over the opsets in which it was written differently."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from onnx import TensorProto, helper

from guise.models.formats.onnx import OnnxNetwork
from tests.models.formats.onnx.graphs import array, check, model, node

X = array(1, 3, 8, 8)

UNARY = (
    *("Abs", "Ceil", "Cos", "Elu", "Erf", "Exp", "Floor", "HardSigmoid", "HardSwish", "Identity", "LeakyRelu", "Neg"),
    *("Relu", "Round", "Selu", "Sigmoid", "Sign", "Sin", "Softplus", "Softsign", "Tanh", "ThresholdedRelu", "Mish"),
    *("Celu", "GlobalAveragePool", "GlobalMaxPool", "Flatten", "Transpose", "Softmax", "LogSoftmax", "Squeeze"),
    *("ReduceMean", "ReduceSum", "ReduceL1", "ReduceL2", "ReduceMax", "ReduceMin", "ReduceProd", "ReduceSumSquare"),
    *("ReduceLogSumExp", "LpNormalization", "MeanVarianceNormalization"),
)


@pytest.mark.parametrize("kind", UNARY)
def test_operations_on_one_tensor(kind: str) -> None:
    check(model([node(kind, "x")]), X, tolerance=1e-4)


@pytest.mark.parametrize("kind", ["Add", "Sub", "Mul", "Div", "Max", "Min", "Sum", "Mean", "Pow", "PRelu"])
def test_operations_on_two_tensors(kind: str) -> None:
    check(model([node(kind, "x b")], {"b": np.abs(array(3, 1, 8))}), np.abs(X))


@pytest.mark.parametrize(
    ("kind", "arrays", "attributes"),
    [
        ("Conv", {"w": array(4, 3, 3, 3), "b": array(4)}, {"pads": [1, 1, 1, 1], "strides": [2, 2]}),
        ("Conv", {"w": array(4, 3, 2, 3)}, {"pads": [0, 1, 2, 3], "dilations": [2, 1]}),
        ("Conv", {"w": array(6, 1, 3, 3)}, {"group": 3, "auto_pad": "SAME_LOWER", "strides": [3, 3]}),
        ("Conv", {"w": array(4, 3, 4, 4)}, {"auto_pad": "SAME_UPPER", "strides": [3, 2]}),
        ("Conv", {"w": array(4, 3, 4, 4)}, {"auto_pad": "VALID"}),
        ("ConvTranspose", {"w": array(3, 2, 3, 3), "b": array(2)}, {"strides": [2, 2], "pads": [1, 0, 0, 1]}),
        ("ConvTranspose", {"w": array(3, 2, 3, 3)}, {"strides": [2, 2], "output_padding": [1, 1]}),
        ("AveragePool", {}, {"kernel_shape": [3, 2], "strides": [2, 2], "pads": [1, 0, 1, 1]}),
        ("AveragePool", {}, {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1], "count_include_pad": 1}),
        ("AveragePool", {}, {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}),
        ("MaxPool", {}, {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}),
        ("MaxPool", {}, {"kernel_shape": [3, 3], "strides": [2, 2], "ceil_mode": 1}),
        ("LpPool", {}, {"kernel_shape": [2, 2], "strides": [2, 2]}),
        ("BatchNormalization", {"s": array(3), "b": array(3), "m": array(3), "v": np.abs(array(3))}, {}),
        ("InstanceNormalization", {"s": array(3), "b": array(3)}, {}),
        ("LayerNormalization", {"s": array(8), "b": array(8)}, {"axis": -1}),
        ("LayerNormalization", {"s": array(8, 8)}, {"axis": 2}),
        ("MatMul", {"w": array(8, 5)}, {}),
        ("Expand", {"s": np.array([2, 1, 8, 1])}, {}),
        ("Tile", {"r": np.array([1, 2, 1, 3])}, {}),
        ("Gather", {"i": np.array([[0, -1]])}, {"axis": 2}),
        ("Gather", {"i": np.array(1)}, {"axis": 1}),
        ("GatherElements", {"i": np.array([[[[0, -1, 2]] * 8] * 3])}, {"axis": 3}),
        ("GatherND", {"i": np.array([[0, 1], [0, 2]])}, {}),
        ("Reshape", {"s": np.array([0, -1, 4])}, {}),
        ("Trilu", {}, {"upper": 0}),
        ("CumSum", {"a": np.array(2)}, {"exclusive": 1, "reverse": 1}),
        ("DepthToSpace", {}, {"blocksize": 2}),
        ("SpaceToDepth", {}, {"blocksize": 4}),
        ("Clip", {"low": np.float32(-0.5), "high": np.float32(0.25)}, {}),
        ("Einsum", {"w": array(3, 5)}, {"equation": "nchw,ck->nkhw"}),
        ("Pad", {"p": np.array([0, 0, 1, 2, 0, 0, 3, 1])}, {}),
        ("Pad", {"p": np.array([0, 0, 1, 2, 0, 0, 3, 4])}, {"mode": "reflect"}),
        ("Pad", {"p": np.array([0, 0, 1, 2, 0, 0, 3, 4])}, {"mode": "edge"}),
        ("Slice", {"s": np.array([1, -1]), "e": np.array([7, -9]), "a": np.array([2, 3]), "t": np.array([2, -3])}, {}),
        ("Slice", {"s": np.array([1, 0, 2, 0]), "e": np.array([9, 1, 2, 99])}, {}),
    ],
)
def test_layers_and_moves(kind: str, arrays: dict[str, Any], attributes: dict[str, Any]) -> None:
    x = np.concatenate([X, X[:, :1]], 1) if kind == "DepthToSpace" else X
    made = model([node(kind, " ".join(["x", *arrays]), **attributes)], arrays, opset=19, shape=x.shape)
    check(made, x, tolerance=1e-4)


@pytest.mark.parametrize(
    ("opset", "made"),
    [
        (7, node("Slice", "x", axes=[2], starts=[1], ends=[-1])),
        (7, node("Pad", "x", pads=[0, 0, 1, 1, 0, 0, 2, 2], value=0.5)),
        (7, node("ReduceMean", "x", axes=[1, -1], keepdims=0)),
        (7, node("Clip", "x", min=-0.5, max=0.5)),
        (7, node("Softmax", "x", axis=1)),
        (7, node("Upsample", "x", mode="nearest", scales=[1.0, 1.0, 2.0, 3.0])),
        (7, node("Squeeze", "x", axes=[0])),
        (11, node("Unsqueeze", "x", axes=[0, -1])),
        (11, node("Split", "x", "y z", axis=2, split=[3, 5])),
    ],
)
def test_attributes_of_older_opsets(opset: int, made: Any) -> None:
    network = model([made], opset=opset, outputs=tuple(made.output))
    if (made.op_type, opset) in (("Softmax", 7), ("Upsample", 7), ("Unsqueeze", 11)):  # the reference lacks these
        y = OnnxNetwork(network)(torch.from_numpy(X))
        flat = np.exp(X.reshape(1, -1)) / np.exp(X).sum()
        larger = X.repeat(2, 2).repeat(3, 3)
        expected = {"Softmax": flat.reshape(X.shape), "Upsample": larger, "Unsqueeze": X[None, ..., None]}
        np.testing.assert_allclose(y.numpy(), expected[made.op_type], rtol=1e-5)
    else:
        check(network, X)


@pytest.mark.parametrize(
    "where", ["half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric", "half_pixel_symmetric"]
)
@pytest.mark.parametrize(
    "how",
    [
        {"mode": "nearest", "nearest_mode": "floor"},
        {"mode": "nearest", "nearest_mode": "ceil"},
        {"mode": "nearest"},
        {"mode": "linear"},
        {"mode": "linear", "antialias": 1},
        {"mode": "cubic"},
        {"mode": "cubic", "exclude_outside": 1, "cubic_coeff_a": -0.5},
    ],
)
def test_resizing(where: str, how: dict[str, Any]) -> None:
    # With corners aligned, the reference measures by the scale, ONNX Runtime and we by the size that comes out of it.
    scales = [1, 1, 0.5, 2] if where == "align_corners" else [1, 1, 0.6, 1.7]
    for arrays, inputs in (
        ({"s": np.array(scales, np.float32)}, "x - s"),
        ({"s": np.array([1, 3, 4, 16] if where == "align_corners" else [1, 3, 5, 11])}, "x - - s"),
    ):
        made = model([node("Resize", inputs, coordinate_transformation_mode=where, **how)], arrays)
        check(made, X, tolerance=1e-4)


def test_resizing_of_a_region() -> None:
    arrays = {"r": np.array([0.2, 0.1, 1.15, 0.9], np.float32), "s": np.array([6, 5])}
    how = {"coordinate_transformation_mode": "tf_crop_and_resize", "axes": [2, 3], "extrapolation_value": 3.0}
    check(model([node("Resize", "x r - s", mode="linear", **how)], arrays), X, tolerance=1e-4)


def test_normalisation_by_neighbours() -> None:
    made = model([node("LRN", "x", size=3, alpha=0.5)])
    expected = torch.nn.functional.local_response_norm(torch.from_numpy(X), 3, 0.5)
    torch.testing.assert_close(OnnxNetwork(made)(torch.from_numpy(X)), expected)


def test_numbers_in_fewer_bits() -> None:
    arrays = {"s": np.array([0.1, 0.2, 0.3], np.float32), "z": np.array([3, 5, 7], np.uint8)}
    nodes = [node("QuantizeLinear", "x s z", "q", axis=1), node("DequantizeLinear", "q s z", axis=1)]
    check(model(nodes, arrays, opset=19), X)


def test_shapes_are_computed_as_exporters_write_them() -> None:
    arrays = {"first": np.array(0), "axes": np.array([0]), "rest": np.array([-1])}
    nodes = [
        node("Shape", "x", "shape"),
        node("Gather", "shape first", "n"),
        node("Unsqueeze", "n axes", "n1"),
        node("Concat", "n1 rest", "target", axis=0),
        node("Reshape", "x target"),
    ]
    check(model(nodes, arrays), X)


def test_a_branch_is_taken_as_the_condition_says() -> None:
    branches = {}
    for name, kind in (("then_branch", "Relu"), ("else_branch", "Neg")):
        out = helper.make_empty_tensor_value_info("b")
        branches[name] = helper.make_graph([helper.make_node(kind, ["x"], ["b"])], name, [], [out])
    for chosen in (True, False):
        check(model([node("If", "c", **branches)], {"c": np.array(chosen)}), X)


def test_graphs_inside_use_what_lies_around_them() -> None:
    """Values that nothing else uses, and weights, through two levels."""
    out = helper.make_empty_tensor_value_info

    def branch(kind: str, name: str) -> Any:
        return helper.make_graph([helper.make_node(kind, ["s", "k"], [name])], name, [], [out(name)])

    inner = node("If", "c", "d", then_branch=branch("Mul", "d1"), else_branch=branch("Add", "d2"))
    whole = helper.make_graph([inner], "whole", [], [out("d")])
    plain = helper.make_graph([helper.make_node("Identity", ["s"], ["e"])], "plain", [], [out("e")])
    for chosen in (True, False):
        arrays = {"two": np.float32(2), "k": array(8), "c": np.array(chosen), "yes": np.array(True)}
        nodes = [node("Mul", "x two", "s"), node("If", "yes", then_branch=whole, else_branch=plain)]
        check(model(nodes, arrays), X)


def test_a_loop_runs_forward_with_what_it_uses_of_the_graph_around_it() -> None:
    value = helper.make_tensor_value_info
    steps = [node("Mul", "v k", "w"), node("Identity", "go", "on")]
    taken = [value("i", TensorProto.INT64, []), value("go", TensorProto.BOOL, []), value("v", TensorProto.FLOAT, None)]
    given = [value("on", TensorProto.BOOL, []), value("w", TensorProto.FLOAT, None)]
    body = helper.make_graph(steps, "body", taken, given)
    arrays = {"n": np.array(3), "c": np.array(True), "k": np.float32(2)}
    made = model([node("Relu", "x", "r"), node("Loop", "n c r", body=body)], arrays)
    photo = torch.rand(1, 3, 8, 8)
    torch.testing.assert_close(OnnxNetwork(made)(photo), 8 * photo)


@pytest.mark.parametrize(
    ("activation", "parameters"), [("Relu", []), ("LeakyRelu", [0.3]), ("HardSigmoid", [0.1, 0.4])]
)
def test_convolutions_with_their_activation(activation: str, parameters: list[float]) -> None:
    """As ONNX Runtime's optimiser writes them."""
    how = {"strides": [4, 4], "activation": activation} | ({"activation_params": parameters} if parameters else {})
    fused = helper.make_node("FusedConv", ["x", "w"], ["y"], domain="com.microsoft", **how)
    names = dict(zip(("alpha", "beta"), parameters, strict=False))
    plain = model([node("Conv", "x w", "p", strides=[4, 4]), node(activation, "p", **names)], {"w": array(4, 3, 4, 4)})
    photo = torch.rand(2, 3, 8, 8) - 0.5
    made = model([fused], {"w": array(4, 3, 4, 4)}, domains=("com.microsoft",))
    torch.testing.assert_close(OnnxNetwork(made)(photo), OnnxNetwork(plain)(photo))


def test_fourier_transforms() -> None:
    for opset, inputs, how in ((17, "x", {"axis": 1, "onesided": 1}), (20, "x - a", {"inverse": 0})):
        made = model(
            [node("DFT", inputs, **how)], {"a": np.array(-2)} if opset == 20 else {}, opset=opset, shape=(1, 6, 1)
        )
        check(made, array(1, 6, 1), tolerance=1e-4)


QKV = {"k": array(2, 2, 6, 8, seed=1), "v": array(2, 2, 6, 4, seed=2)}
CLOSED = np.array([[True] * 6, [False] * 6, [True, False] * 3])
BIAS = array(2, 4, 3, 6)


@pytest.mark.parametrize("causal", [0, 1])
@pytest.mark.parametrize(
    ("inputs", "attributes", "arrays"),
    [
        ("x k v", {}, {}),
        ("x k v", {"scale": 0.3, "softcap": 0.5}, {}),
        ("x k v m", {}, {"m": CLOSED}),  # a query that may look at nothing
        ("x k v m", {"softcap": 0.5}, {"m": BIAS}),
        ("x k v m", {}, {"m": BIAS[..., :4]}),
        ("x k v - s t", {}, {"s": array(2, 2, 5, 8), "t": array(2, 2, 5, 4)}),
        ("x k v - - - n", {}, {"n": np.array([6, 4])}),
    ],
)
def test_attention_equals_the_reference(
    inputs: str, attributes: dict[str, Any], arrays: dict[str, Any], causal: int
) -> None:
    made = model(
        [node("Attention", inputs, is_causal=causal, **attributes)], QKV | arrays, opset=24, shape=(2, 4, 3, 8)
    )
    check(made, array(2, 4, 3, 8))


@pytest.mark.parametrize("mode", [0, 1, 2, 3])
def test_all_that_attention_gives(mode: int) -> None:
    softcap = 0.5 if mode else 0.0  # the reference gives mode 1 for mode 0
    attend = node("Attention", "x k v", "y a b w", is_causal=1, softcap=softcap, qk_matmul_output_mode=mode)
    outputs = ("y", "a", "b", "w")
    check(model([attend], QKV, opset=24, shape=(2, 4, 3, 8), outputs=outputs), array(2, 4, 3, 8))


@pytest.mark.parametrize("interleaved", [0, 1])
@pytest.mark.parametrize(("width", "columns"), [(0, 4), (4, 2)])
def test_positions_as_angles(interleaved: int, width: int, columns: int) -> None:
    how = {"interleaved": interleaved, "rotary_embedding_dim": width}
    tables = {"c": array(9, columns), "s": array(9, columns, seed=1), "p": np.array([[0, 3, 8], [1, 1, 2]])}
    check(model([node("RotaryEmbedding", "x c s p", **how)], tables, opset=23, shape=(2, 4, 3, 8)), array(2, 4, 3, 8))
    tables = {"c": array(2, 3, columns), "s": array(2, 3, columns, seed=1)}
    flat = node("RotaryEmbedding", "x c s", num_heads=4, **how)
    check(model([flat], tables, opset=23, shape=(2, 3, 32)), array(2, 3, 32))


@pytest.mark.parametrize(
    "how",
    [
        {"kernel_shape": [2, 2], "strides": [2, 2]},
        {"kernel_shape": [3, 2], "strides": [2, 1], "pads": [1, 0, 1, 1]},
        {"kernel_shape": [3, 3], "strides": [2, 2], "dilations": [2, 1], "ceil_mode": 1},
        {"kernel_shape": [2, 3], "storage_order": 1, "pads": [1, 1, 0, 0]},
    ],
)
def test_maxima_and_where_they_lie(how: dict[str, Any]) -> None:
    """ONNX's reference does not count every case as its text does, so ONNX Runtime is asked."""
    made = model([node("MaxPool", "x", "y i", **how)], shape=(2, 3, 8, 7), outputs=("y", "i"))
    x = array(2, 3, 8, 7)
    session = pytest.importorskip("onnxruntime").InferenceSession(made.SerializeToString())
    for ours, theirs in zip(OnnxNetwork(made)(torch.from_numpy(x)), session.run(None, {"x": x}), strict=True):
        np.testing.assert_array_equal(ours.numpy(), theirs)


@pytest.mark.parametrize("parts", [1, 2])
@pytest.mark.parametrize(("inputs", "onesided"), [("x t w", 1), ("x t - l", 1), ("x t w l", 0)])
def test_fourier_transforms_of_windows(inputs: str, onesided: int, parts: int) -> None:
    arrays = {"t": np.array(3), "w": np.hanning(8).astype("f4"), "l": np.array(8)}
    transform = node("STFT", inputs, onesided=onesided if parts == 1 else 0)
    check(model([transform], arrays, opset=17, shape=(2, 30, parts)), array(2, 30, parts), tolerance=1e-4)


def test_windows_are_added_and_planes_are_centred() -> None:
    how = {"strides": [2, 2], "pads": [1, 0, 1, 2], "dilations": [1, 2]}
    fold = node("Col2Im", "x s k", **how)
    arrays = {"s": np.array([6, 7]), "k": np.array([2, 3])}
    check(model([fold], arrays, shape=(2, 12, 12)), array(2, 12, 12))
    for axes, sizes in (([2, 3], [5, 11]), ([-1], [4]), (None, [1, 4, 11, 3])):
        how = {} if axes is None else {"axes": axes}
        check(model([node("CenterCropPad", "x s", **how)], {"s": np.array(sizes)}), X)


def test_whole_levels_are_given_where_they_are_wanted() -> None:
    made = model([node("Cast", "x", to=TensorProto.FLOAT)], kind=TensorProto.UINT8)
    torch.testing.assert_close(OnnxNetwork(made)(torch.full((1, 3, 8, 8), 0.2)), torch.full((1, 3, 8, 8), 51.0))
