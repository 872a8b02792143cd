"""FRBench's archives: a tar.gz that holds a network's configuration (YAML) and its weights (a state dict).

Nothing is unpacked to the disk: the two files are read where they are.
"""

from __future__ import annotations

import io
import pickle
import tarfile
import zlib
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from guise.models.errors import WeightsError


def read_config(path: Path, member: str) -> dict[str, Any]:
    """Read the configuration.

    Args:
        path: the archive.
        member: path of the YAML file inside it, without the top folder.

    Returns:
        Its fields.

    Raises:
        WeightsError: it is missing, or is no YAML with fields.
    """
    import yaml

    try:
        config = yaml.safe_load(_member(path, member))
    except (yaml.YAMLError, UnicodeDecodeError):
        config = None
    if not isinstance(config, dict):
        raise WeightsError(f"{path} holds no readable configuration in {member}")
    return config


def read_weights(path: Path, member: str) -> dict[str, Tensor]:
    """Read the weights, without running code that a file may carry.

    Args:
        path: the archive.
        member: path of the weights inside it, without the top folder.

    Returns:
        The tensors by name, on the CPU.

    Raises:
        WeightsError: they are missing, or are no state dict.
    """
    file = io.BytesIO(_member(path, member))
    try:
        weights = torch.load(file, map_location="cpu", weights_only=True)
        return {str(name): tensor.contiguous().clone() for name, tensor in weights.items()}
    except (RuntimeError, ValueError, AttributeError, EOFError, KeyError, pickle.UnpicklingError):
        raise WeightsError(f"{path} holds no table of tensors in {member}") from None


def _member(path: Path, member: str) -> bytes:
    try:
        with tarfile.open(path, "r:gz") as archive:
            for entry in archive:
                if entry.isfile() and f"/{entry.name}".endswith(f"/{member}"):
                    file = archive.extractfile(entry)
                    assert file is not None  # it is a file
                    return file.read()
    except (tarfile.TarError, OSError, EOFError, zlib.error):
        raise WeightsError(f"{path} is no tar.gz, or a damaged one") from None
    raise WeightsError(f"{path} holds no file {member}")
