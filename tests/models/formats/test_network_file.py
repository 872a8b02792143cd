from __future__ import annotations

import io
import json
import os
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from guise.models.errors import WeightsError
from guise.models.formats import network_file


class Places(nn.Module):
    """Makes a tensor on a device that its code names."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 4, 4)

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv(x).flatten(2)
        return y + torch.arange(y.shape[2], device=torch.device("cpu"))


def rewrite(source: Path, target: Path, change: Callable[[str, bytes], bytes]) -> None:
    """A copy of an archive with other contents."""
    with zipfile.ZipFile(source) as old, zipfile.ZipFile(target, "w") as new:
        for entry in old.infolist():
            new.writestr(entry.filename, change(entry.filename, old.read(entry)))


@pytest.mark.parametrize("make", ["script", "trace"])
@pytest.mark.parametrize("device", ["cuda:0", "cuda", "mps"])
def test_a_device_in_the_code_of_torchscript_becomes_the_cpu(tmp_path: Path, make: str, device: str) -> None:
    network, photo = Places().eval(), torch.rand(1, 3, 8, 8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        made = torch.jit.script(network) if make == "script" else torch.jit.trace(network, photo)
        made.save(tmp_path / "cpu.pt")
    named = f'torch.device("{device}")'.encode()
    rewrite(tmp_path / "cpu.pt", tmp_path / "gpu.pt", lambda _, data: data.replace(b'torch.device("cpu")', named))
    before = (tmp_path / "gpu.pt").read_bytes()
    assert named in before
    torch.testing.assert_close(network_file.load(tmp_path / "gpu.pt").network(photo), network(photo))
    assert (tmp_path / "gpu.pt").read_bytes() == before


def export(path: Path, *, batch: bool = False) -> nn.Module:
    network = Places().eval()
    sizes = {"x": {0: torch.export.Dim("n", min=1)}} if batch else None
    torch.export.save(
        torch.export.export(network, (torch.rand(2 if batch else 1, 3, 8, 8),), dynamic_shapes=sizes), path
    )
    return network


@pytest.mark.parametrize("batch", [False, True])
def test_an_exported_program_is_read_with_its_size(tmp_path: Path, batch: bool) -> None:
    network, photos = export(tmp_path / "x.pt2", batch=batch), torch.rand(3 if batch else 1, 3, 8, 8)
    read = network_file.load(tmp_path / "x.pt2")
    assert read.input_shape == (3, 8, 8)
    torch.testing.assert_close(read.network.eval()(photos), network(photos))
    assert set(read.network.state_dict()) == {"program.conv.weight", "program.conv.bias"}


class Pictures(nn.Module):
    """Takes photos in many ways besides (N, C, H, W)."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.places = how, Places()

    def forward(self, x: Any = None, *rest: Any, pixel_values: Any = None) -> Tensor:
        if self.how == "by name":
            return self.places(pixel_values)  # type: ignore[no-any-return]
        if self.how == "in a dictionary":
            return self.places(x["image"])  # type: ignore[no-any-return]
        if self.how == "channels last":
            return self.places(x.permute(0, 3, 1, 2))  # type: ignore[no-any-return]
        if self.how == "without a batch":
            return self.places(x[None])[0]  # type: ignore[no-any-return]
        return self.places(x) + sum(rest)  # type: ignore[no-any-return]


PHOTOS = torch.rand(4, 3, 8, 8)


@pytest.mark.parametrize(
    ("how", "args", "kwargs"),
    [
        ("four at once", (PHOTOS,), {}),
        ("by name", (), {"pixel_values": PHOTOS[:1]}),
        ("in a dictionary", ({"image": PHOTOS[:1]},), {}),
        ("channels last", (PHOTOS[:1].permute(0, 2, 3, 1),), {}),
        ("without a batch", (PHOTOS[0],), {}),
        ("beside a tensor and a number", (PHOTOS[:1], torch.ones(1, 4, 4), 0), {}),
    ],
)
def test_an_exported_program_takes_photos_however_it_was_exported(
    tmp_path: Path, how: str, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    network = Pictures(how).eval()
    torch.export.save(torch.export.export(network, args, kwargs), tmp_path / "x.pt2")
    read = network_file.load(tmp_path / "x.pt2")
    assert read.input_shape == (3, 8, 8)
    for count in (1, 3):
        torch.testing.assert_close(read.network(PHOTOS[:count]), network.places(PHOTOS[:count]))


class Runs:
    def __reduce__(self) -> object:
        return os._exit, (7,)


def test_an_exported_program_that_would_run_code_is_refused(tmp_path: Path) -> None:
    export(tmp_path / "x.pt2", batch=True)
    pickled = io.BytesIO()
    torch.save(Runs(), pickled)

    def inputs(name: str, data: bytes) -> bytes:
        return pickled.getvalue() if "sample_inputs" in name else data

    def formula(name: str, data: bytes) -> bytes:
        return data.replace(b"Symbol(", b"exit(") if "models/" in name else data

    for change in (inputs, formula):
        rewrite(tmp_path / "x.pt2", tmp_path / "hostile.pt2", change)
        with pytest.raises(WeightsError) as caught:
            network_file.load(tmp_path / "hostile.pt2")
        assert "\n" not in str(caught.value)
    with zipfile.ZipFile(tmp_path / "x.pt2", "a") as archive:
        archive.writestr("x/data/aotinductor/model/model.so", b"code")
    with pytest.raises(WeightsError, match=r"is refused: data/aotinductor/model/model.so in it would run code"):
        network_file.load(tmp_path / "x.pt2")


def test_what_holds_weights_only_says_so(tmp_path: Path) -> None:
    torch.save(Places().state_dict(), tmp_path / "a.pt")
    save_file(Places().state_dict(), tmp_path / "b.pt")
    for name in ("a.pt", "b.pt"):
        with pytest.raises(WeightsError, match=rf"holds no network; .* add `weights=.*{name}`"):
            network_file.load(tmp_path / name)


def test_a_damaged_program_is_one_line(tmp_path: Path) -> None:
    export(tmp_path / "x.pt2")
    rewrite(tmp_path / "x.pt2", tmp_path / "y.pt2", lambda n, data: json.dumps({}).encode() if "models/" in n else data)
    with pytest.raises(WeightsError, match=r"cannot be read as a program of torch\.export") as caught:
        network_file.load(tmp_path / "y.pt2")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("program", [b"0" * 1_000_000, b"{" * 50, b"[" * 100_000, b"\xff\xfe{"])
@pytest.mark.parametrize("compression", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_program_that_is_no_json_or_a_bomb_is_one_line(tmp_path: Path, program: bytes, compression: int) -> None:
    with zipfile.ZipFile(tmp_path / "m.pt2", "w", compression) as archive:
        archive.writestr("m/archive_format", "pt2")
        archive.writestr("m/models/model.json", program)
    with pytest.raises(WeightsError, match=r"m\.pt2 is no sound program of torch\.export: .*; fetch or export") as told:
        network_file.load(tmp_path / "m.pt2")
    assert "\n" not in str(told.value)
    bomb = compression == zipfile.ZIP_DEFLATED and len(program) > 100
    assert ("it is compressed" in str(told.value)) == bomb
