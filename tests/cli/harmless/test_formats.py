"""Models as people have them: exporters' files, other layouts and channels."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from onnx import helper
from torch import nn

from tests.cli.command_line import check_refused
from tests.cli.harmless.commands import generate, harmless
from tests.harmless import tiny
from tests.models.formats.onnx.graphs import array, node, save

W = {"w": array(64, 3, 8, 8)}


def patches(source: str = "x", target: str = "y", **how: Any) -> Any:
    return node("Conv", f"{source} w", target, **({"strides": [8, 8]} | how))


def measured(*arguments: str | Path) -> int:
    return int(harmless("inspect", *arguments, "--json").report["spaces"][-1]["measured"])


def transformer(opset: int) -> tuple[list[Any], dict[str, Any]]:
    """How a vision transformer begins, with what needs another converter in each opset."""
    nodes = [
        patches("x", "grid"),
        node("Reshape", "grid rows", "places"),
        node("Transpose", "places", "tokens", perm=[0, 2, 1]),
        node(
            "ReduceMean", "tokens axes" if opset >= 18 else "tokens", "mean", **({} if opset >= 18 else {"axes": [-1]})
        ),
        node("Sub", "tokens mean", "centred"),
        node("Gelu" if opset >= 20 else "Relu", "centred", "y"),
    ]
    return nodes, W | {"rows": [0, 64, 16], "axes": [-1]}


@pytest.mark.parametrize("opset", [7, 11, 13, 17, 18, 20, 22])
@pytest.mark.parametrize("batch", [1, "n", 8])
def test_any_opset_and_batch(tmp_path: Path, opset: int, batch: int | str) -> None:
    nodes, arrays = transformer(opset)
    path = save(tmp_path / "x.onnx", nodes, arrays, opset=opset, shape=(batch, 3, 32, 32))
    assert measured(path) == 3072 - 63 * 16  # what the mean takes off is linear


@pytest.mark.parametrize("batch", [1, 2, 8])
def test_shapes_that_hold_the_batch(tmp_path: Path, batch: int) -> None:
    """As exporters write them for a fixed batch."""
    nodes, arrays = transformer(18)
    path = save(tmp_path / "x.onnx", nodes, arrays | {"rows": [batch, 64, 16]}, shape=(batch, 3, 32, 32))
    assert measured(path) == 3072 - 63 * 16
    program = torch.export.export(tiny.patches().eval(), (torch.rand(batch, 3, 32, 32),))
    torch.export.save(program, tmp_path / "x.pt2")
    assert measured(tmp_path / "x.pt2") == 3072 - 48 * 16


def test_layouts_channels_and_padding(tmp_path: Path) -> None:
    turned = [node("Transpose", "x", "planes", perm=[0, 3, 1, 2]), patches("planes")]
    assert measured(save(tmp_path / "a.onnx", turned, W, shape=("n", 32, 32, 3))) == 3072 - 64 * 16
    same = [patches(auto_pad="SAME_UPPER")]
    assert measured(save(tmp_path / "b.onnx", same, W, shape=(1, 3, 30, 30))) == 2700 - 64 * 16
    for channels in (1, 2, 6):
        arrays = {"w": array(9, channels, 4, 4)}
        path = save(tmp_path / "c.onnx", [node("Conv", "x w", strides=[4, 4])], arrays, shape=(1, channels, 32, 32))
        assert measured(path) == channels * 1024 - 64 * min(9, 16 * channels)
        assert measured(path, "--input", f"{channels}x16x16") == channels * 256 - 16 * min(9, 16 * channels)


def test_what_follows_need_not_run_to_be_inspected(tmp_path: Path, album: Path) -> None:
    nodes = [patches("x", "a"), helper.make_node("Strange", ["a"], ["y"], domain="com.example")]
    path = save(tmp_path / "x.onnx", nodes, W, shape=(1, 3, 32, 32), domains=("com.example",))
    assert measured(path) == 3072 - 64 * 16
    check_refused(
        generate(album, tmp_path / "out", model=str(path)), 1, "uses com.example.Strange, which is not run here"
    )
    for several in ((path, "tiny:patches"), ("tiny:patches", path)):  # also where the first stops early
        assert measured(*several, "--input", "3x32x32") == 3072 - 112 * 16


def test_photos_are_filled_for_an_onnx_network(tmp_path: Path, album: Path) -> None:
    nodes = [
        node("Transpose", "x", "t", perm=[0, 3, 1, 2]),
        patches("t", "p"),
        node("Relu", "p", "r"),
        node("Flatten", "r"),
    ]
    path = save(tmp_path / "x.onnx", nodes, W, shape=("n", 32, 32, 3))
    outcome = generate(album, tmp_path / "out", "--json", model=str(path))
    assert outcome.code == 0 and outcome.photo("a.jpg")["certificate"]["changes"]["float64"]["output"] < 0.02


def test_a_grey_model_takes_colour_photos_that_are_turned_grey(tmp_path: Path, album: Path) -> None:
    grey = nn.Sequential(nn.Conv2d(1, 8, 8, 8), nn.ReLU(), nn.Flatten()).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(grey).save(tmp_path / "grey.pt")
    assert measured(tmp_path / "grey.pt", "--input", "1x32x32") == 1024 - 8 * 16
    check_refused(
        harmless(
            "generate",
            "--model",
            tmp_path / "grey.pt",
            "--input",
            "1x32x32",
            "--images",
            album,
            "--out",
            tmp_path / "o",
        ),
        *(2, "photos have three channels", "the model takes 1x32x32", "--preprocess gray=1"),
    )
    outcome = generate(album, tmp_path / "out", "--preprocess", "gray=1", "--json", model=str(tmp_path / "grey.pt"))
    assert outcome.photo("a.jpg")["certificate"]["read"] == 8 * 16 / 3072


def test_photos_with_channels_last_are_turned_where_the_size_says_so(tmp_path: Path) -> None:
    class Last(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = tiny.patches()

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return self.inner(x.permute(0, 3, 1, 2))  # type: ignore[no-any-return]

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(Last().eval()).save(tmp_path / "last.pt")
    assert measured(tmp_path / "last.pt", "--input", "32x32x3") == 3072 - 48 * 16


def test_a_program_of_torch_export_brings_its_size(tmp_path: Path) -> None:
    program = torch.export.export(tiny.patches().eval(), (torch.rand(1, 3, 32, 32),))
    torch.export.save(program, tmp_path / "x.pt2")
    assert measured(tmp_path / "x.pt2") == measured(tmp_path / "x.pt2", "--input", "3x32x32") == 3072 - 48 * 16
    wrong = harmless("inspect", tmp_path / "x.pt2", "--input", "3x16x16")
    check_refused(wrong, 2, "fails on an input of 3x16x16", "give its size with --input")


def test_the_cause_in_torchscript_is_told(tmp_path: Path) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(tiny.patches().eval()).save(tmp_path / "x.pt")
    outcome = harmless("inspect", tmp_path / "x.pt", "--input", "1x32x32")
    check_refused(outcome, 2, "to have 3 channels, but got 1 channels instead", "give its size with --input")
