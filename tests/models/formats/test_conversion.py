from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor

from guise.models.formats.conversion import Tensors, converted

LIKE = {"weight": torch.zeros(2, 3), "bias": torch.zeros(2)}


class Converter:
    """Counts how often it had to work."""

    def __init__(self) -> None:
        self.calls = 0
        self.tensors: dict[str, Tensor] = {"weight": torch.rand(3, 2).T, "bias": torch.rand(2)}

    def __call__(self, _: Path) -> Tensors:
        self.calls += 1
        return {name: tensor.contiguous() for name, tensor in self.tensors.items()}


@pytest.fixture
def convert() -> Converter:
    return Converter()


def run(kept: Path, convert: Converter, *, sha256: str = "1", like: Tensors = LIKE) -> Tensors:
    return converted(Path("source.dat"), source_sha256=sha256, kept=kept, convert=convert, like=like)


def test_converted_once_then_read_back_equal(tmp_path: Path, convert: Converter) -> None:
    first = run(tmp_path / "sub" / "kept.safetensors", convert)
    second = run(tmp_path / "sub" / "kept.safetensors", convert)
    assert convert.calls == 1
    assert first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.parametrize("damage", ["cut", "empty", "header", "last byte", "text"])
def test_damaged_cache_is_rebuilt(tmp_path: Path, convert: Converter, damage: str) -> None:
    kept = tmp_path / "kept.safetensors"
    run(kept, convert)
    data = bytearray(kept.read_bytes())
    if damage == "last byte":
        data[-1] ^= 1
    elif damage == "header":
        data[9] ^= 1
    else:
        data = {"cut": data[:-1], "empty": bytearray(), "text": bytearray(b"not safetensors")}[damage]
    kept.write_bytes(data)
    assert torch.equal(run(kept, convert)["bias"], convert.tensors["bias"])
    assert convert.calls == 2
    run(kept, convert)
    assert convert.calls == 2


def test_cache_of_another_source_or_layout_is_rebuilt(tmp_path: Path, convert: Converter) -> None:
    kept = tmp_path / "kept.safetensors"
    run(kept, convert)
    run(kept, convert, sha256="2")
    assert convert.calls == 2
    run(kept, convert, sha256="2", like={**LIKE, "bias": torch.zeros(3)})
    assert convert.calls == 3


def test_cache_that_cannot_be_written_is_done_without(tmp_path: Path, convert: Converter) -> None:
    (tmp_path / "file").write_text("in the way")
    assert torch.equal(run(tmp_path / "file" / "kept", convert)["bias"], convert.tensors["bias"])
