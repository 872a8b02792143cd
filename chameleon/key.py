"""The user's key: the mask and what is needed to use it again, in one private safetensors file.

Whoever has the key can take the mask off the user's photos, and can recognise the user from it: it is written
readable by its owner alone, and belongs with the originals, never with the protected copies.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from chameleon.mask import Mask
from chameleon.owner import Owner
from models.errors import InputError, KeyFileError
from models.files import atomic_write

FORMAT, VERSION = "guise-key", 1


@dataclass(frozen=True)
class Provenance:
    """How a mask was made.

    Attributes:
        recognisers: names of the surrogates it was learnt against.
        preset: "guise" or "paper".
        strength: the budget it was learnt for.
        photos: on how many photos.
        steps: of the optimisation.
        seed: of the optimisation.
        guise: version of the program.
    """

    recognisers: tuple[str, ...]
    preset: str
    strength: str
    photos: int
    steps: int
    seed: int
    guise: str


@dataclass(frozen=True)
class Key:
    """A mask, the user it belongs to, and how it was made."""

    mask: Mask
    owner: Owner
    provenance: Provenance


def save_key(key: Key, path: Path) -> None:
    """Write `key` to `path`, mode 0600, whole or not at all.

    Raises:
        InputError: the file cannot be written.
    """
    tensors: dict[str, np.ndarray] = {
        "mask": np.ascontiguousarray(key.mask.values, dtype=np.float32),
        "template": np.ascontiguousarray(key.mask.template, dtype=np.float64),
        "owner_centroid": np.ascontiguousarray(key.owner.centroid, dtype=np.float32),
    }
    header = {
        "format": FORMAT,
        "version": str(VERSION),
        "epsilon": repr(key.mask.epsilon),
        "owner_threshold": repr(key.owner.threshold),
        "provenance": json.dumps(asdict(key.provenance), sort_keys=True),
    }
    with atomic_write(path, mode=0o600) as file:
        file.write(save(tensors, metadata=header))


def load_key(path: Path) -> Key:
    """Read a key.

    Raises:
        InputError: there is no such file, or it cannot be read.
        KeyFileError: it is no key, is damaged, or was written by a newer version of the format.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read the key {path}: {error.strerror}; check --key") from None
    header = _header(data, path)
    if header.get("format") != FORMAT:
        raise KeyFileError(f"{path} is not a Guise key: name the file that `protect` wrote with --key")
    if header.get("version") != str(VERSION):
        raise KeyFileError(
            f"{path} is a key of format version {header.get('version')}, this program reads version {VERSION}: "
            "update it with `pip install --upgrade guise`"
        )
    try:
        tensors = load(data)
        provenance = json.loads(header["provenance"])
        provenance["recognisers"] = tuple(provenance["recognisers"])
        key = Key(
            Mask(tensors["mask"], tensors["template"], float(header["epsilon"])),
            Owner(tensors["owner_centroid"], float(header["owner_threshold"])),
            Provenance(**provenance),
        )
        _check(key)
    except (SafetensorError, KeyError, TypeError, ValueError) as error:
        raise KeyFileError(f"the key {path} is damaged ({error}): restore it from a backup") from None
    return key


def _header(data: bytes, path: Path) -> dict[str, Any]:
    """The metadata of a safetensors file: an 8-byte length and JSON stand before its tensors."""
    try:
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8 : 8 + length])["__metadata__"]
        return dict(header)
    except (ValueError, KeyError, TypeError):
        raise KeyFileError(f"{path} is not a Guise key: name the file that `protect` wrote with --key") from None


def _check(key: Key) -> None:
    values, epsilon = key.mask.values, key.mask.epsilon
    if values.dtype != np.float32 or values.ndim != 3 or values.shape[0] != 3 or values.shape[1] != values.shape[2]:
        raise ValueError(f"its mask has shape {values.shape}")
    if key.mask.template.shape != (5, 2) or key.owner.centroid.ndim != 1:
        raise ValueError("its template or owner has a wrong shape")
    if not (0 < epsilon <= 1 and np.isfinite(values).all() and np.isfinite(key.mask.template).all()):
        raise ValueError("its numbers are out of range")
