"""Tables of tensors from files of weights, whatever wrote them: .safetensors, .pth, .ckpt, .bin, shards, a folder.

No code of a file runs. What a checkpoint holds besides tensors, such as a training script's settings, comes back as an
inert object.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from guise.models.errors import InputError, WeightsError
from guise.models.files.names import printable
from guise.models.formats import exported
from guise.models.formats.identity import check_model_file, entries, is_safetensors
from guise.models.formats.inert import Inert, module_tensors, read_inert

Tensors = dict[str, Tensor]

_INDICES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
_SINGLE = ("model.safetensors", "pytorch_model.bin", "open_clip_model.safetensors", "open_clip_pytorch_model.bin")
_KINDS = (("safetensors", "bin", "pth", "ckpt"), ("pt", "th"))
"""Endings of files of weights; the second ones count where there are none of the first, as optimizers have them too."""
_SHARD = re.compile(r"(.+)-\d+-of-(\d+)\.\w+")
_MAGIC = (0x1950A86A20F9469CFC6C).to_bytes(10, "little")
"""What torch before 1.6 wrote at the start of a file, as the first of several pickles."""
_DEPTH = 4
"""So deep tables are looked for inside one another."""


def read_tables(path: Path) -> dict[str, Tensors]:
    """All tables of tensors in a file of weights, or in a folder that holds one model's.

    Args:
        path: a file, an index of shards (`*.index.json`), one of several shards (its index lies next to it), or a
            folder as `save_pretrained` writes it.

    Returns:
        Tables by where they lie in the file, such as "model" or "state_dict"; "" where the file is the table itself.

    Raises:
        InputError: there is no such file.
        WeightsError: it is something else, damaged, or holds no tensors.
    """
    path = _chosen(path)
    shards = _shards_with(path)
    if not shards:
        return _tables_of(path)
    tensors: Tensors = {}
    for shard in shards:
        for table in _tables_of(shard).values():
            tensors |= table
    return {"": tensors}


def _chosen(path: Path) -> Path:
    if path.is_dir():
        for name in (*_INDICES, *_SINGLE):
            if (path / name).is_file():
                return path / name
        groups = [[file for kind in kinds for file in sorted(path.glob(f"*.{kind}"))] for kinds in _KINDS]
        files = groups[0] or groups[1]
        files = sorted(path.glob("*.index.json")) or files
        if len(files) == 1 or (files and len(_siblings(files[0])) == len(files)):
            return files[0]
        if any(path.glob("*.distcp")):
            how = "`python -m torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER FILE` makes one file of it"
            raise InputError(f"{printable(path)} holds a distributed checkpoint; {how}")
        held = ", ".join(printable(file.name) for file in files[:3]) or "none"
        raise InputError(f"{printable(path)} is no file, but a folder; name one of its files of weights ({held})")
    if not path.is_file():
        raise InputError(f"{printable(path)} does not exist; name a file of weights with `weights=`")
    return path


def _shards_with(path: Path) -> list[Path]:
    """All shards of the model of which a path is the index or one shard; none where it is a model by itself."""
    if path.name.endswith(".index.json"):
        return _shards(path)
    shard = _SHARD.fullmatch(path.name)
    index = path.with_name(f"{shard[1]}{path.suffix}.index.json") if shard else path
    return _shards(index) if shard and index.is_file() else _siblings(path)


def missing_shards(path: Path) -> str:
    """What to say of a file that is one of several shards, of which not all are there.

    Args:
        path: as `read_tables` takes it.

    Returns:
        A few words; "" where nothing is known to be missing.
    """
    path = _chosen(path)
    shard = _SHARD.fullmatch(path.name)
    return f"it is one of {int(shard[2])} shards; fetch them all" if shard and not _shards_with(path) else ""


def _siblings(path: Path) -> list[Path]:
    """All shards that their names make one model, where none is missing."""
    shard = _SHARD.fullmatch(path.name)
    files = sorted(path.parent.glob(f"{shard[1]}-*-of-{shard[2]}{path.suffix}")) if shard else []
    return files if shard and len(files) == int(shard[2]) else []


def _shards(index: Path) -> list[Path]:
    try:
        names = sorted(set(json.loads(index.read_text("utf-8"))["weight_map"].values()))
        shards = [index.with_name(Path(name).name) for name in names]
    except (ValueError, KeyError, TypeError, AttributeError, OSError):
        raise WeightsError(f"{printable(index)} is no index of shards; fetch it again") from None
    missing = [shard for shard in shards if not shard.is_file()]
    if missing:
        what = f"{len(missing)} of {len(shards)} shards of {printable(index)} are missing"
        raise WeightsError(f"{what}, such as {printable(missing[0].name)}; fetch them")
    return shards


def _tables_of(path: Path) -> dict[str, Tensors]:
    check_model_file(path)
    content = _read_safetensors(path) if is_safetensors(path) else _read_torch(path)
    tables = dict(_found(content, ""))
    if not tables and (other := _other_numbers(content, "")):
        what = f"{printable(path)} holds no tensors: {printable(other)}"
        raise WeightsError(f"{what}; save a table of tensors, with torch.as_tensor() of each value")
    if not tables:
        held = ", ".join(map(str, content)) if isinstance(content, Mapping) and content else type(content).__name__
        what = f"{printable(path)} holds no table of tensors, but {printable(held[:100])}"
        raise WeightsError(f"{what}; save the network's state_dict()")
    return tables


def _read_safetensors(path: Path) -> Tensors:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(path)
    except (SafetensorError, OSError) as error:
        raise WeightsError(f"{printable(path)} is no safetensors file: {error}; fetch it again") from None


def _read_torch(path: Path) -> Any:
    """What a file of torch.save, TorchScript or torch.export holds."""
    names = entries(path)
    if exported.is_program(names):
        return exported.load(path, names).program.state_dict()
    try:
        return read_inert(path)
    except Exception:  # hostile bytes raise almost anything
        pass
    with path.open("rb") as file:
        head = file.read(32)
    if head.startswith(b"\x80") and _MAGIC not in head:
        what = f"{printable(path)} is a pickle that torch.save did not write, and reading it would run code"
        raise WeightsError(f"{what}; save the weights as .safetensors")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return torch.jit.load(path, map_location="cpu").state_dict()
        except Exception:
            reason = "it cannot be loaded without running the code inside"
            what = f"{printable(path)} is refused: {reason}"
            raise WeightsError(f"{what}; save the weights as .safetensors") from None


def _found(content: Any, place: str, depth: int = 0) -> Iterator[tuple[str, Tensors]]:
    """The tensors that lie in a mapping or a saved module directly, and those of what lies in it."""
    if isinstance(content, Inert):
        if tensors := dict(module_tensors(content)):
            yield place, tensors
        return
    if isinstance(content, Sequence) and not isinstance(content, str | bytes):
        content = dict(enumerate(content))
    if not isinstance(content, Mapping) or depth > _DEPTH:
        return
    tensors = {str(name): value for name, value in content.items() if isinstance(value, Tensor)}
    if tensors:
        yield place, tensors
    for name, value in content.items():
        yield from _found(value, f"{place}.{name}" if place else str(name), depth + 1)


def _other_numbers(content: Any, place: str, depth: int = 0) -> str | None:
    """The first value that may hold weights though it is no tensor, and what it is."""
    if type(content).__name__.startswith("numpy.") and isinstance(content, Inert):
        return f"{place or 'its content'} is a NumPy array"
    if isinstance(content, list) and not isinstance(content, Inert) and content:
        return f"{place or 'its content'} is a list"
    if not isinstance(content, Mapping) or depth > _DEPTH:
        return None
    inside = (_other_numbers(value, f"{place}.{name}".strip("."), depth + 1) for name, value in content.items())
    return next(filter(None, inside), None)
