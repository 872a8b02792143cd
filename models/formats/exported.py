"""Programs of torch.export.save, .pt2. Nothing in them runs that is no operation of torch."""

from __future__ import annotations

import ast
import json
import os
import re
import warnings
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only, tree_unflatten

from guise.models.errors import WeightsError, last_line
from guise.models.files.names import printable
from guise.models.formats.batches import in_batches
from guise.models.formats.inputs import Input, photo_of

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


class ExportedNetwork(nn.Module):
    """An exported program as a module that takes photos, and has modes: a program's own module refuses to change them.

    Args:
        program: the `torch.export.ExportedProgram`.

    Attributes:
        photo: the input that takes the photo. Other tensors that it takes are zeros; plain values stay as exported.
    """

    def __init__(self, program: Any) -> None:
        super().__init__()
        self.program = program.module()
        self._structure = program.call_spec.in_spec
        self._taken = _inputs(program)
        places = [index for index, each in enumerate(self._taken) if isinstance(each, Input)]
        if not places:
            raise ValueError("it takes no tensor")
        self._place = places[photo_of([self._taken[index] for index in places])]
        self.photo: Input = self._taken[self._place]

    def forward(self, photos: Tensor) -> Any:
        """What the program gives.

        Args:
            photos: (N, C, H, W), of the sizes that it was exported for.

        Returns:
            Whatever it was exported to give.
        """
        return in_batches(self._run, photos, self.photo.batch)

    def _run(self, photos: Tensor) -> Any:
        leaves = [each.zeros(photos) if isinstance(each, Input) else each for each in self._taken]
        leaves[self._place] = self.photo.arranged(photos)
        args, kwargs = tree_unflatten(leaves, self._structure)
        output = self.program(*args, **kwargs)
        return output if self.photo.batched else tree_map_only(Tensor, lambda leaf: leaf[None], output)

    def train(self, mode: bool = True) -> ExportedNetwork:
        """Its mode was chosen when it was exported."""
        self.training = mode
        return self


def is_program(names: Sequence[str]) -> bool:
    """Whether an archive is one of torch.export.

    Args:
        names: of what lies in it.

    Returns:
        True where it holds what torch.export puts into each of its own.
    """
    return any(name.endswith(("archive_format", "serialized_exported_program.json")) for name in names)


def load(path: Path, names: Sequence[str]) -> ExportedNetwork:
    """The network of a program.

    Args:
        path: the archive.
        names: of what lies in it.

    Returns:
        A torch module.

    Raises:
        WeightsError: it is damaged, of another version of torch, or would run code.
    """
    _check_runs_nothing(path, names)
    try:
        with warnings.catch_warnings(), _weights_only(), _quiet():
            warnings.simplefilter("ignore")
            from torch.export.passes import move_to_device_pass

            program = move_to_device_pass(torch.export.load(path), "cpu")
            return ExportedNetwork(program)
    except Exception as error:  # torch's readers of this format raise almost anything
        what = f"{printable(path)} cannot be read as a program of torch.export: {last_line(error)[:200]}"
        raise WeightsError(f"{what}; export it again with the installed torch") from None


def _check_runs_nothing(path: Path, names: Sequence[str]) -> None:
    parts = [name.partition("/")[2] for name in names]
    code = [part for part in parts if part.startswith(_RUNS)]
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(entry.file_size for entry in archive.infolist()) > path.stat().st_size:
                raise ValueError("it is compressed, which torch does not do")
            programs = [archive.read(name) for name in names if "/models/" in name or name.endswith("_program.json")]
        formulas = [text for program in programs for text in _formulas(json.loads(program))]
    except (zipfile.BadZipFile, OSError, ValueError, RecursionError) as error:
        what = f"{printable(path)} is no sound program of torch.export: {last_line(error)[:200]}"
        raise WeightsError(f"{what}; fetch or export it again") from None
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


def _inputs(program: Any) -> list[Any]:
    """What a program takes, in its order: tensors as `Input`, plain values as they are."""
    examples = {node.name: node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"}
    taken: list[Any] = []
    for each in program.graph_signature.input_specs:
        if each.kind.name == "USER_INPUT":
            example = examples.get(each.arg.name)
            taken.append(_described(each.arg.name, example) if isinstance(example, Tensor) else each.arg.value)
    return taken


def _described(name: str, example: Tensor) -> Input:
    dims = tuple(size if isinstance(size, int) else None for size in example.shape)
    number = example.is_floating_point()
    return Input(name, dims, None if number else example.dtype, numbers=number)
