from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.cli.command_line import check_refused
from tests.cli.harmless.commands import generate, harmless


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        ("tiny:relu_first", (), ("read by relu", "before any linear layer")),
        ("tiny:no_module", (), ("gives Tensor", "torch.nn.Module")),
        ("tiny:nobody", (), ("tiny:nobody", "cannot be called")),
        ("resnet-18", (), ("did you mean", "resnet18")),
        ("nowhere.pt", (), ("nowhere.pt does not exist",)),
        ("tiny:patches", ("--input", "3x32"), ("--input 3x32 is no size",)),
        ("tiny:patches", ("--input", "3x50x50"), ("fails on an input of 3x50x50", "--input")),
        ("tiny:patches", ("--preprocess", "blur=3"), ("does not know 'blur=3'",)),
        ("tiny:patches", ("--preprocess", "std=0:1:1"), ("divides by zero",)),
        ("tiny:patches", ("--preprocess", "std=nan:1:1"), ("std=nan:1:1 is not three numbers",)),
        ("tiny:patches", ("--weights", "nowhere.safetensors"), ("nowhere.safetensors does not exist",)),
        ("tiny:patches", ("--weights", ".."), (".. is no file, but a folder", "name one of its files")),
        ("tiny:patches", ("--plot", "model.pt"), ("--plot model.pt is no PNG",)),
        ("tiny:patches", ("--input", "3x4x4"), ("fails on an input of 3x4x4", "--input")),
        ("tiny:unfinished", (), ("fails on an input of 3x32x32", "name one that runs here")),
    ],
)
def test_bad_models_and_settings_are_one_clear_line(
    model: str, options: tuple[str, ...], words: tuple[str, ...]
) -> None:
    size = () if "--input" in options else ("--input", "3x32x32")
    check_refused(harmless("inspect", model, *size, *options), 2, *words)


class Runs:
    """Unpickling it would end the program."""

    def __reduce__(self) -> object:
        return os._exit, (7,)


def test_pickles_that_run_code_are_refused_and_weights_that_do_not_fit(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    from tests.harmless import tiny

    hostile, other = tmp_path / "model.pth", tmp_path / "other.safetensors"
    torch.save({"weights": Runs()}, hostile)
    save_file({"0.weight": torch.zeros(2, 2)}, other)
    unsound, state = tmp_path / "unsound.safetensors", tiny.patches().state_dict()
    state["3.bias"][2] = torch.nan
    save_file(state, unsound)
    inspect = ("inspect", "tiny:patches", "--input", "3x32x32", "--weights")
    check_refused(harmless(*inspect, hostile), 1, "is refused", ".safetensors")
    check_refused(harmless(*inspect, other), 1, "does not fit Sequential: 0.weight is of 2x2 in it, of 48x3x8x8 in")
    check_refused(harmless(*inspect, unsound), 1, "not finite, in 3.bias")
    check_refused(harmless("inspect", hostile), 1, "holds no network", "--weights")


def test_weights_from_a_file_are_used(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    from tests.harmless import tiny

    state = tiny.patches().state_dict()
    state["0.weight"][5:] = 0
    for file, save in ((tmp_path / "w.safetensors", save_file), (tmp_path / "w.th", torch.save)):
        save(state, file)
        outcome = harmless("inspect", "tiny:patches", "--input", "3x32x32", "--weights", file, "--json")
        assert outcome.report["spaces"][0]["measured"] == 3072 - 5 * 16


def test_only_the_layers_that_read_must_fit_until_the_whole_network_runs(tmp_path: Path, album: Path) -> None:
    from safetensors.torch import save_file

    from tests.harmless import tiny

    state = tiny.patches().state_dict()
    state["0.weight"][5:] = 0
    file, where = tmp_path / "w.safetensors", ("--input", "3x32x32", "--weights", tmp_path / "w.safetensors")
    save_file({f"module.{name}": tensor for name, tensor in state.items() if name != "3.bias"}, file)
    assert harmless("inspect", "tiny:patches", *where, "--json").report["spaces"][0]["measured"] == 3072 - 5 * 16
    refused = generate(album, tmp_path / "out", "--weights", file)
    check_refused(refused, 1, "does not fit Sequential: 3.bias is not in it")
    save_file({name: tensor for name, tensor in state.items() if name != "0.weight"}, file)
    check_refused(harmless("inspect", "tiny:patches", *where), 1, "0.weight is not in it")


def test_the_table_that_is_read_is_named_where_several_fit(tmp_path: Path) -> None:
    import torch

    from tests.harmless import tiny

    state, file = tiny.patches().state_dict(), tmp_path / "dino.pth"
    torch.save({"student": {k: 0 * v for k, v in state.items()}, "teacher": state, "epoch": 3}, file)
    outcome = harmless("inspect", "tiny:patches", "--input", "3x32x32", "--weights", file, "--json")
    assert outcome.report["spaces"][0]["measured"] == 3072 - 48 * 16
    assert "dino.pth holds student too; what lies in teacher is read" in outcome.stderr


def test_lazy_layers_are_made_by_a_dry_run() -> None:
    outcome = harmless("inspect", "tiny:lazy", "--input", "3x32x32", "--json")
    assert outcome.report["spaces"][0]["measured"] == 3072 - 8 * 16
    check_refused(
        harmless("inspect", "tiny:lazy", "--input", "3x7x7"), 2, "has lazy layers", "photo of 3x7x7", "--input"
    )


def test_onnx_files_are_inspected(tmp_path: Path) -> None:
    file = tmp_path / "patches.onnx"
    write_onnx(file)
    assert harmless("inspect", file, "--json").report["spaces"][0]["measured"] == 2304
    write_onnx(file, sides=("height", "width"))
    check_refused(harmless("inspect", file), 2, "leaves the size of its input open", "--input")
    outcome = harmless("inspect", file, "--input", "3x32x32", "--json")
    assert outcome.report["spaces"][0]["measured"] == 2304
    file.write_bytes(b"no model")
    check_refused(harmless("inspect", file, "--input", "3x32x32"), 1, "is text (no model)")


def write_onnx(path: Path, sides: tuple[int | str, int | str] = (32, 32)) -> None:
    """tiny:patches, written node by node: torch's exporter needs more than the extra brings."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    from tests.harmless import tiny

    state = {name.replace(".", "_"): tensor.numpy() for name, tensor in tiny.patches().state_dict().items()}
    nodes = [
        helper.make_node("Conv", ["x", "0_weight", "0_bias"], ["a"], kernel_shape=[8, 8], strides=[8, 8]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("Flatten", ["b"], ["c"]),
        helper.make_node("Gemm", ["c", "3_weight", "3_bias"], ["y"], transB=1),
    ]
    shapes = {"x": [1, 3, *sides], "y": [1, 10]}
    ends = [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    weights = [numpy_helper.from_array(values, name) for name, values in state.items()]
    graph = helper.make_graph(nodes, "patches", ends[:1], ends[1:], weights)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)


def test_weights_that_would_go_unused_are_refused(tmp_path: Path) -> None:
    check_refused(harmless("inspect", "guise-vit", "--weights", tmp_path / "mine.safetensors"), 2, "brings its own")
    check_refused(harmless("inspect", "tiny:patches", "--weights", "pretrained"), 2, "brings its own")


def test_a_model_that_fails_on_photos_of_that_size_is_one_line(album: Path, tmp_path: Path) -> None:
    pair, where = (album / "a.jpg", album / "sub" / "b.png"), ("--model", "guise-vit", "--input", "3x32x32")
    words = "fails on an input of 3x32x32", "give its size with --input"
    check_refused(harmless("check", *pair, *where), 2, *words)
    check_refused(generate(album, tmp_path / "out", "--non-linear", model="guise-vit"), 2, *words)


def test_a_stopped_command_says_what_it_keeps(tmp_path: Path, album: Path) -> None:
    for command in (("inspect", "tiny:stopped"), ("robustness", "tiny:stopped", "--images", album)):
        told = harmless(*command)
        assert told.code == 130 and told.stderr.strip() == "Stopped. Nothing that was measured is kept."
    told = harmless("generate", "--model", "tiny:stopped", "--images", album, "--out", tmp_path / "out")
    assert told.code == 130 and "What was finished is kept" in told.stderr
