"""Weights that are converted from a foreign format once, and kept as safetensors with the hash of their source."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Size, Tensor

from guise.models.errors import OutputError
from guise.models.files.atomic import atomic_write

Tensors = dict[str, Tensor]


def converted(
    source: Path, *, source_sha256: str, kept: Path, convert: Callable[[Path], Tensors], like: Tensors
) -> Tensors:
    """The tensors of a file in a foreign format, converted at most once.

    A kept file is made anew when it is damaged, comes from another source, or has other names or shapes than `like` (it
    was made by another version of the network). Where it cannot be written, the tensors are converted each time.

    Args:
        source: the file to convert.
        source_sha256: its hash, in hexadecimal.
        kept: the file with the converted tensors, present or not.
        convert: reads `source`.
        like: tensors with the names and shapes that are expected.

    Returns:
        The tensors by name.

    Raises:
        WeightsError: `convert` cannot read the source.
    """
    tensors = _read(kept, source_sha256)
    if tensors is None or _shapes(tensors) != _shapes(like):
        tensors = convert(source)
        with contextlib.suppress(OutputError):
            _write(tensors, kept, source_sha256)
    return tensors


def _shapes(tensors: Tensors) -> dict[str, Size]:
    return {name: tensor.shape for name, tensor in tensors.items()}


def _fingerprint(tensors: Tensors) -> str:
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].contiguous()
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)};".encode())
        digest.update(tensor.numpy().data)
    return digest.hexdigest()


def _read(path: Path, source_sha256: str) -> Tensors | None:
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("source_sha256") != source_sha256:
                return None
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (no mapping)
    except (OSError, SafetensorError):
        return None
    return tensors if metadata.get("fingerprint") == _fingerprint(tensors) else None


def _write(tensors: Tensors, path: Path, source_sha256: str) -> None:
    metadata = {"source_sha256": source_sha256, "fingerprint": _fingerprint(tensors)}
    with atomic_write(path) as file:
        file.write(save(tensors, metadata=metadata))
