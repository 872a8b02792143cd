"""What torch's exporter writes today gives what ONNX Runtime makes of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from guise.models.formats import onnx as ours
from tests.models.formats.onnx.exporter import export, network

onnxruntime = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")


def outputs(path: Path, photos: torch.Tensor) -> tuple[Any, Any]:
    """Of our network and of ONNX Runtime, for photos with channels first."""
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    read = ours.load(path)
    given = photos.permute(0, 2, 3, 1) if read.photo.channels_last else photos
    (theirs,) = session.run(None, {session.get_inputs()[0].name: given.numpy()})
    assert read.forward_only == ()
    return read(photos).numpy(), theirs


@pytest.mark.parametrize(
    ("name", "opset"),
    [
        ("convolutions", 18),
        ("channels last", 21),
        ("attention", 18),
        ("attention", 22),  # written out for the last time
        ("attention", 23),  # an operation of its own
        ("attention", 25),
        ("low frequencies", 18),
        ("bilinear", 19),
        ("bicubic", 20),
        ("nearest", 24),
        ("windows", 23),
    ],
)
def test_networks_give_what_onnx_runtime_gives(tmp_path: Path, name: str, opset: int) -> None:
    photos = torch.rand(3, 3, 32, 32)
    mine, theirs = outputs(export(tmp_path / "x.onnx", name, opset), photos)
    np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-5)
    made = network(name)
    straight = made(photos.permute(0, 2, 3, 1) if name == "channels last" else photos).detach().numpy()
    np.testing.assert_allclose(mine, straight, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("how", [{"external_data": True}, {"external_data": False, "optimize": False}])
def test_weights_next_to_the_file_and_graphs_as_they_come(tmp_path: Path, how: dict[str, Any]) -> None:
    path = export(tmp_path / "x.onnx", "convolutions", 18, batch=2, **how)
    assert (tmp_path / "x.onnx.data").exists() == how["external_data"]
    mine, theirs = outputs(path, photos := torch.rand(2, 3, 32, 32))
    np.testing.assert_allclose(mine, theirs, rtol=1e-5, atol=1e-5)
    assert ours.load(path)(photos[:1]).shape == (1, 10)  # the file is for two
