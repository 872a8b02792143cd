"""Whole networks from files: ONNX, TorchScript, and torch.export's .pt2. None of them runs code of its own."""

from __future__ import annotations

import ast
import io
import json
import os
import re
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from guise.models.errors import WeightsError, last_line
from guise.models.files.names import printable
from guise.models.formats.identity import check_model_file, is_safetensors

_DEVICE = re.compile(rb'torch\.device\("(?!cpu"|meta")[^"]*"\)')
_RUNS = ("data/aotinductor/", "data/constants/custom_obj", "data/constants/opaque_obj")
"""Parts of a .pt2 archive that are code, or are unpickled without bounds."""
_FORMULA = re.compile(
    "Symbol|Integer|Rational|Float|Add|Mul|Pow|Max|Min|Mod|FloorDiv|CeilDiv|CleanDiv|PythonMod|ModularIndexing|Where"
    "|Identity|Equality|Unequality|StrictLessThan|LessThan|StrictGreaterThan|GreaterThan|And|Or|Not"
)
"""What a size as a formula may be made of, such as Max(Integer(1), Symbol('s0')). Torch evaluates these formulas."""
_HARMLESS: tuple[type[ast.AST], ...] = (
    *(ast.Expression, ast.Call, ast.Name, ast.Load, ast.Constant, ast.keyword, ast.UnaryOp, ast.USub, ast.BinOp),
    *(ast.Add, ast.Sub, ast.Mult, ast.FloorDiv, ast.Mod, ast.Pow),
)
_WEIGHTS_ONLY = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"


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
    names = _entries(path)
    if any(name.endswith(("archive_format", "serialized_exported_program.json")) for name in names):
        return _exported(path, names)
    if any(name.endswith("constants.pkl") for name in names):
        return NetworkFile(_torchscript(path))
    if names or is_safetensors(path) or path.suffix.lower() != ".onnx":
        what = f"{printable(path)} holds no network"
        raise WeightsError(f"{what}; if it holds weights only, name the architecture and add `weights={path}`")
    from guise.models.formats import onnx

    network = onnx.load(path)
    return NetworkFile(network, network.input_shape)


def _entries(path: Path) -> list[str]:
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.namelist()
    except (zipfile.BadZipFile, OSError):
        return []


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


def _exported(path: Path, names: list[str]) -> NetworkFile:
    _check_runs_nothing(path, names)
    try:
        with warnings.catch_warnings(), _weights_only(), _quiet():
            warnings.simplefilter("ignore")
            from torch.export.passes import move_to_device_pass

            program = move_to_device_pass(torch.export.load(path), "cpu")
            network = program.module()
    except Exception as error:  # torch's readers of this format raise almost anything
        what = f"{printable(path)} cannot be read as a program of torch.export: {last_line(error)[:200]}"
        raise WeightsError(f"{what}; export it again with the installed torch") from None
    return NetworkFile(_Exported(network), _photo_shape(program))


def _check_runs_nothing(path: Path, names: list[str]) -> None:
    parts = [name.partition("/")[2] for name in names]
    code = [part for part in parts if part.startswith(_RUNS)]
    with zipfile.ZipFile(path) as archive:
        programs = [archive.read(name) for name in names if "/models/" in name or name.endswith("_program.json")]
    formulas = [text for program in programs for text in _formulas(json.loads(program))]
    code += [text for text in formulas if not _plain(text)]
    if code:
        what = f"{printable(path)} is refused: {printable(code[0][:60])} in it would run code"
        raise WeightsError(f"{what}; export the plain network with torch.export.save")


def _formulas(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for name, part in value.items():
            if name == "expr_str" and isinstance(part, str):
                yield part
            else:
                yield from _formulas(part)
    elif isinstance(value, list):
        for part in value:
            yield from _formulas(part)


def _plain(formula: str) -> bool:
    """Whether a formula holds nothing but known functions, names and numbers."""
    try:
        tree = ast.parse(formula, mode="eval")
    except (SyntaxError, ValueError):
        return False
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and not (isinstance(node.func, ast.Name) and _FORMULA.fullmatch(node.func.id)):
            return False
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and not node.value.isidentifier():
            return False
        if not isinstance(node, _HARMLESS) or (isinstance(node, ast.Name) and node.id.startswith("_")):
            return False
    return True


@contextmanager
def _weights_only() -> Iterator[None]:
    """All that torch unpickles meanwhile may be tensors only, even where torch itself would allow more."""
    before = os.environ.get(_WEIGHTS_ONLY)
    os.environ[_WEIGHTS_ONLY] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_WEIGHTS_ONLY]
        else:
            os.environ[_WEIGHTS_ONLY] = before


@contextmanager
def _quiet() -> Iterator[None]:
    """Torch logs what it then raises."""
    import logging

    logger = logging.getLogger("torch")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


class _Exported(nn.Module):
    """An exported program as a module that has modes, as other networks have: its own module refuses to change them."""

    def __init__(self, program: nn.Module) -> None:
        super().__init__()
        self.program = program

    def forward(self, photos: torch.Tensor) -> Any:
        """What the program gives.

        Args:
            photos: (N, C, H, W), of the sizes that it was exported for.

        Returns:
            Whatever it was exported to give.
        """
        return self.program(photos)

    def train(self, mode: bool = True) -> _Exported:
        """Its mode was chosen when it was exported."""
        self.training = mode
        return self


def _photo_shape(program: Any) -> tuple[int, ...] | None:
    taken = set(program.graph_signature.user_inputs)
    for node in program.graph.nodes:
        if node.op == "placeholder" and node.name in taken and isinstance(node.meta.get("val"), torch.Tensor):
            sizes = node.meta["val"].shape[1:]
            return tuple(sizes) if all(isinstance(size, int) for size in sizes) else None
    return None
