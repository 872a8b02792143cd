"""Whole networks from files: ONNX, TorchScript, and torch.export's .pt2. None of them runs code of its own."""

from __future__ import annotations

import io
import re
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from guise.models.errors import WeightsError, last_line
from guise.models.files.names import printable
from guise.models.formats import exported
from guise.models.formats.identity import check_model_file, entries, is_safetensors

_DEVICE = re.compile(rb'torch\.device\("(?!cpu"|meta")[^"]*"\)')


@dataclass(frozen=True)
class NetworkFile:
    """A network as its file gives it.

    Attributes:
        network: the module, on the CPU.
        input_shape: of one photo, channels first; None where the file does not tell.
    """

    network: nn.Module
    input_shape: tuple[int, ...] | None = None


def load(path: Path) -> NetworkFile:
    """The network in a file, told by its content.

    Args:
        path: the file.

    Returns:
        The network.

    Raises:
        WeightsError: it holds no network, is damaged, or would run code.
    """
    check_model_file(path)
    names = entries(path)
    if exported.is_program(names):
        program = exported.load(path, names)
        return NetworkFile(program, program.photo.item)
    if any(name.endswith("constants.pkl") for name in names):
        return NetworkFile(_torchscript(path))
    if names or is_safetensors(path) or path.suffix.lower() != ".onnx":
        what = f"{printable(path)} holds no network"
        raise WeightsError(f"{what}; if it holds weights only, name the architecture and add `weights={path}`")
    from guise.models.formats import onnx

    network = onnx.load(path)
    return NetworkFile(network, network.input_shape)


def _torchscript(path: Path) -> nn.Module:
    try:
        with warnings.catch_warnings():
            # The format is on its way out of PyTorch, but people have files in it.
            warnings.filterwarnings("ignore", message=".*torch.jit.load.* is deprecated")
            network: nn.Module = torch.jit.load(_on_cpu(path), map_location="cpu")
    except (RuntimeError, ValueError, OSError) as error:
        what = f"{printable(path)} cannot be read as TorchScript: {last_line(error)[:200]}"
        raise WeightsError(f"{what}; export it again with the installed torch") from None
    return network


def _on_cpu(path: Path) -> str | io.BytesIO:
    """The file, or a copy in memory in which every device that its code names is the CPU.

    Tracing on a GPU writes the GPU into the code, where `map_location` does not reach.
    """
    with zipfile.ZipFile(path) as archive:
        entries = [(entry, archive.read(entry)) for entry in archive.infolist() if entry.filename.endswith(".py")]
        if not any(_DEVICE.search(code) or b"torch.cuda(" in code for _, code in entries):
            return str(path)
        moved = io.BytesIO()
        with zipfile.ZipFile(moved, "w") as copy:
            for entry in archive.infolist():
                data = archive.read(entry)
                if entry.filename.endswith(".py"):
                    data = _DEVICE.sub(b'torch.device("cpu")', data).replace(b"torch.cuda(", b"torch.cpu(")
                copy.writestr(entry.filename, data)
    moved.seek(0)
    return moved
