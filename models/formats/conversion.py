"""Weights converted once from a foreign format and kept as safetensors, bound by hash to their source."""

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
    """The tensors of `source`: from `kept` where that is sound, else by `convert`, and kept from then on.

    A cache that is damaged, made from another file, or unlike `like` in names or shapes (an older version of
    the network) is rebuilt; one that cannot be written is done without.
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
