"""The user's key: the mask and what is needed to use it again, in one private safetensors file.

Whoever has the key can take the mask off the user's photos, and can recognise the user from it: it is written
readable by its owner alone, and belongs with the originals, never with the protected copies.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from guise.chameleon.faces.template import Owner
from guise.chameleon.learning.identity import Person
from guise.chameleon.mask.mask import Mask
from guise.models.errors import InputError, KeyFileError
from guise.models.files import atomic_write, printable

FORMAT, VERSION = "guise-key", 2
_PERSON = "person:"  # before the recogniser's name, in the names of tensors
_MOST_BYTES = 64 * 2**20  # of a file that is taken for a key; one holds about 300 KiB


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
        weights: SHA-256 of each surrogate's, by its name, where known; older keys do not say.
    """

    recognisers: tuple[str, ...]
    preset: str
    strength: str
    photos: int
    steps: int
    seed: int
    guise: str
    weights: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Key:
    """A mask, whose it is, and how it was made.

    Attributes:
        mask: to put on photos.
        owner: the user.
        provenance: how the mask was made.
        which: the faces it is for: the owner's, each photo's largest, or all.
        persons: the owner in the eyes of each surrogate, by its name; empty where the mask is for several people.
        file: where it lies; None if it was not saved. The log and the restore records lie next to it.
    """

    mask: Mask
    owner: Owner
    provenance: Provenance
    which: Literal["owner", "largest", "all"] = "owner"
    persons: Mapping[str, Person] = field(default_factory=dict)
    file: Path | None = field(default=None, compare=False)


def save_key(key: Key, path: Path) -> None:
    """Write `key` to `path`, mode 0600, whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    tensors: dict[str, np.ndarray] = {
        "mask": np.ascontiguousarray(key.mask.values, dtype=np.float32),
        "template": np.ascontiguousarray(key.mask.template, dtype=np.float64),
        "owner_centroid": np.ascontiguousarray(key.owner.centroid, dtype=np.float32),
    }
    for name, person in key.persons.items():
        tensors[_PERSON + name] = np.ascontiguousarray(person.centroid, dtype=np.float32)
    header = {
        "version": VERSION,
        "epsilon": key.mask.epsilon,
        "owner_threshold": key.owner.threshold,
        "which": key.which,
        "spreads": {name: person.spread for name, person in key.persons.items()},
        "provenance": asdict(key.provenance),
    }
    # One entry: safetensors orders several at random, and the same key should be the same bytes.
    with atomic_write(path, mode=0o600) as file:
        file.write(save(tensors, metadata={FORMAT: json.dumps(header, sort_keys=True)}))


def load_key(path: Path) -> Key:
    """Read a key.

    Raises:
        InputError: there is no such file, or it cannot be read.
        KeyFileError: it is no key, is damaged, or was written by a newer version of the format.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES)
    except OSError as error:
        raise InputError(f"cannot read the key {printable(path)}: {error.strerror}; check --key") from None
    header = _header(data, path)
    if header.get("version") not in (1, VERSION):  # 1 had no persons
        raise KeyFileError(
            f"{printable(path)} is a key of format version {str(header.get('version'))[:20]}, this program reads "
            f"version {VERSION}: update it with `pip install --upgrade guise`"
        )
    try:
        tensors = load(data)
        spreads = header.get("spreads", {})
        provenance = {**header["provenance"], "recognisers": tuple(header["provenance"]["recognisers"])}
        key = Key(
            Mask(tensors["mask"], tensors["template"], float(header["epsilon"])),
            Owner(tensors["owner_centroid"], float(header["owner_threshold"])),
            Provenance(**provenance),
            header["which"],
            {name: Person(tensors[_PERSON + name], float(spread)) for name, spread in spreads.items()},
            path,
        )
        _check(key)
    except (SafetensorError, AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        what = f"the key {printable(path)} is damaged ({printable(str(error))})"
        raise KeyFileError(f"{what}: restore it from a backup") from None
    return key


def _header(data: bytes, path: Path) -> dict[str, Any]:
    """The metadata of a safetensors file: an 8-byte length and JSON stand before its tensors."""
    try:
        length = int.from_bytes(data[:8], "little")
        return dict(json.loads(json.loads(data[8 : 8 + length])["__metadata__"][FORMAT]))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _foreign(path) from None


def _foreign(path: Path) -> KeyFileError:
    return KeyFileError(f"{printable(path)} is not a Guise key: name the file that `protect` wrote with --key")


def _check(key: Key) -> None:
    mask, owner, made = key.mask, key.owner, key.provenance
    side = mask.values.shape[-1] if mask.values.ndim else 0
    if side == 0 or mask.values.shape != (3, side, side):
        raise ValueError(f"its mask has shape {mask.values.shape}")
    if mask.template.shape != (5, 2) or owner.centroid.ndim != 1:
        raise ValueError("its template or owner has a wrong shape")
    persons = key.persons.values()
    if not all(isinstance(text, str) for text in (*made.recognisers, *made.weights, *made.weights.values())):
        raise ValueError("it does not say how it was made")
    if any(person.centroid.ndim != 1 or not 0 < person.spread < np.inf for person in persons):
        raise ValueError("its owner is described wrongly")
    centroids = [(owner.centroid, "f4"), *((person.centroid, "f4") for person in persons)]
    for tensor, kind in ((mask.values, "f4"), (mask.template, "f8"), *centroids):
        if tensor.dtype != kind or not np.isfinite(tensor).all():
            raise ValueError("its numbers are out of range")
    if not (0 < mask.epsilon <= 1 and 0 < owner.threshold < np.inf and np.ptp(mask.template, axis=0).all()):
        raise ValueError("its numbers are out of range")
    if key.which not in ("owner", "largest", "all"):
        raise ValueError(f"it is for {key.which!r} faces")
    if made.preset not in ("guise", "paper") or not all(type(n) is int for n in (made.photos, made.steps, made.seed)):
        raise ValueError("it does not say how it was made")
