from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from guise.models.errors import InputError, WeightsError
from guise.models.recognisers import card
from guise.models.recognisers.loading import load_recogniser

TINY = {"input_size": 16, "embedding_size": 4}


class Tiny(nn.Module):
    """Embeds (N, 3, 16, 16) in four numbers, or goes wrong as `fault` says."""

    def __init__(self, fault: str) -> None:
        super().__init__()
        self.fault = fault
        self.linear = nn.Linear(3 * 16 * 16, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.linear(x.flatten(1))
        if self.fault == "batch":
            y = y - y.mean(0)
        elif self.fault == "single":
            y = y.view(1, 4)
        elif self.fault == "nan":
            y = y / 0
        elif self.fault == "detached":
            y = y.detach()
        elif self.fault == "flat":
            y = y.sign()
        elif self.fault == "wide":
            y = torch.cat((y, y), 1)
        return y


def save(folder: Path, fault: str = "", **changes: Any) -> Path:
    """A TorchScript network and its card in `folder`."""
    path = folder / "tiny.pt"
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.jit.script(Tiny(fault)).save(path)
    path.with_name("tiny.pt.json").write_text(json.dumps(card.EXAMPLE | TINY | changes))
    return path


def test_torchscript_gives_what_the_module_gives(tmp_path: Path) -> None:
    path = save(tmp_path, mean=[1, 2, 3], std=[4, 5, 6], color_order="BGR")
    recogniser = load_recogniser(f"file:{path}")
    torch.manual_seed(0)
    images = torch.rand(3, 3, 16, 16)
    mean, std = torch.tensor([1.0, 2, 3]).view(3, 1, 1), torch.tensor([4.0, 5, 6]).view(3, 1, 1)
    torch.manual_seed(0)
    expected = Tiny("")((255 * images.flip(1) - mean) / std)
    torch.testing.assert_close(recogniser(images), expected)
    assert recogniser.record.name == "my-recogniser" and recogniser.record.origin == str(path)
    assert not recogniser.training and not any(p.requires_grad for p in recogniser.parameters())


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("batch", "differently alone"),
        ("single", "fails on two RGB images of 16x16"),
        ("nan", "not finite"),
        ("detached", "no gradient"),
        ("flat", "no gradient"),
        ("wide", r"gives \(2, 8\) for two images, its card says \(2, 4\)"),
    ],
)
def test_network_that_does_not_do_as_its_card_says_is_refused(tmp_path: Path, fault: str, message: str) -> None:
    with pytest.raises(WeightsError, match=message) as caught:
        load_recogniser(f"file:{save(tmp_path, fault)}")
    assert "\n" not in str(caught.value)


def test_wrong_input_size_in_the_card_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="fails on two RGB images of 24x24"):
        load_recogniser(f"file:{save(tmp_path, input_size=24)}")


@pytest.mark.parametrize("name", ["tiny.pt", "tiny.ts", "tiny.pt2", "tiny.onnx"])
def test_file_that_is_no_network_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "tiny.json").write_text(json.dumps(card.EXAMPLE))
    for content, words in (
        (b"this is no network", "is text"),
        (bytes(range(128, 256)) * 40, "holds no network|is not an ONNX file"),
    ):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(WeightsError, match=words):
            load_recogniser(f"file:{tmp_path / name}")


def test_other_kinds_of_file_are_refused(tmp_path: Path) -> None:
    (tmp_path / "tiny.h5").write_bytes(b"")
    (tmp_path / "tiny.json").write_text(json.dumps(card.EXAMPLE))
    with pytest.raises(InputError, match=r"tiny\.h5 is neither \.onnx nor"):
        load_recogniser(f"file:{tmp_path / 'tiny.h5'}")


def test_an_exported_program_gives_what_the_module_gives(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network, sizes = Tiny(""), {"x": {0: torch.export.Dim("n", min=1)}}
    path = tmp_path / "tiny.pt2"
    torch.export.save(torch.export.export(network, (torch.rand(2, 3, 16, 16),), dynamic_shapes=sizes), path)
    path.with_name("tiny.pt2.json").write_text(json.dumps(card.EXAMPLE | TINY | {"mean": [0, 0, 0], "std": [1, 1, 1]}))
    images = torch.rand(3, 3, 16, 16)
    torch.testing.assert_close(load_recogniser(f"file:{path}")(images), network(255 * images))
