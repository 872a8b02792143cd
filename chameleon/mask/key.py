"""The user's key: the mask and what is needed to use it again, in one private safetensors file.

Anybody who has the key can take the mask off the user's photos and can recognise the user from it. So only its owner
may read it, and it belongs with the originals, never with the protected copies.
"""

from __future__ import annotations

import json
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from guise.chameleon.faces.selection import FaceSelector, WhoseFace
from guise.chameleon.faces.template import FaceTemplate
from guise.chameleon.mask.mask import Mask
from guise.models.errors import InputError, KeyFileError
from guise.models.files import atomic_write, printable

FORMAT, VERSION = "guise-key", 2
_PERSON = "person:"  # before the recogniser's name, in the names of tensors
_MOST_BYTES = 64 * 2**20  # of a file that is taken for a key; one holds about 300 KiB
_BEGINS = b'{"__metadata__":{"guise-key":'  # the header of every key, after its length


@dataclass(frozen=True)
class Provenance:
    """How a mask was made.

    Attributes:
        recognisers: names of the surrogates it was learnt against.
        preset: "guise" or "paper".
        strength: name of the budget it was learnt for.
        photos: number of photos it was learnt on.
        steps: updates of the optimisation.
        seed: of the optimisation.
        guise: version of the program.
        weights: SHA-256 of each surrogate's weights, by its name, where known; older keys do not say.
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
    """A mask, whose faces it is for, and how it was made.

    Attributes:
        mask: to put on photos.
        selector: selects the faces that the mask is for.
        provenance: how the mask was made.
        templates: the user's face as each surrogate sees it, by its name; empty where the mask is for several people.
        file: where it lies; None if it was not saved. The log and the restore records lie next to it.
    """

    mask: Mask
    selector: FaceSelector
    provenance: Provenance
    templates: Mapping[str, FaceTemplate] = field(default_factory=dict)
    file: Path | None = field(default=None, compare=False)


def save_key(key: Key, path: str | Path) -> Key:
    """Write a key, mode 0600, whole or not at all.

    Args:
        key: the key.
        path: the file; replaced if it is there.

    Returns:
        The key that lies in this file.

    Raises:
        OutputError: the file cannot be written.
    """
    # Files keep the names that version 0.1 gave: the owner is the user, `which` says whose faces.
    tensors: dict[str, np.ndarray] = {
        "mask": np.ascontiguousarray(key.mask.values, dtype=np.float32),
        "template": np.ascontiguousarray(key.mask.template, dtype=np.float64),
        "owner_centroid": np.ascontiguousarray(key.selector.template.mean, dtype=np.float32),
    }
    for name, template in key.templates.items():
        tensors[_PERSON + name] = np.ascontiguousarray(template.mean, dtype=np.float32)
    header = {
        "version": VERSION,
        "epsilon": key.mask.epsilon,
        "owner_threshold": key.selector.threshold,
        "which": key.selector.whose.value,
        "spreads": {name: template.spread for name, template in key.templates.items()},
        "provenance": asdict(key.provenance),
    }
    # One entry: safetensors orders several at random, and the same key should be the same bytes.
    with atomic_write(Path(path), mode=0o600) as file:
        file.write(save(tensors, metadata={FORMAT: json.dumps(header, sort_keys=True)}))
    return replace(key, file=Path(path).absolute())


def load_key(path: str | Path) -> Key:
    """Read a key.

    Args:
        path: the file.

    Returns:
        The key, every part of it checked.

    Raises:
        InputError: there is no such file, or it cannot be read.
        KeyFileError: it is no key, is damaged, or was written by a newer version of the format.
    """
    path = Path(path)
    metadata, tensors = _read(path)
    try:
        header = dict(json.loads(metadata[FORMAT]))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _foreign(path) from None
    if header.get("version") not in (1, VERSION):  # 1 had no templates of surrogates
        raise KeyFileError(
            f"{printable(path)} is a key of format version {str(header.get('version'))[:20]}, this program reads "
            f"version {VERSION}: update it with `pip install --upgrade guise`"
        )
    try:
        return replace(_parsed(header, tensors), file=path.absolute())
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        raise _damaged(path, error) from None


def _read(path: Path) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    """The metadata and the tensors of a file that may be anything."""
    try:
        status = path.stat()
        if stat.S_ISFIFO(status.st_mode) or stat.S_ISCHR(status.st_mode):  # to open one may wait for ever
            what = f"{printable(path)} is not a Guise key but a pipe or a device"
            raise KeyFileError(f"{what}: save it as a file, because its records lie next to it")
        with path.open("rb") as file:
            start = file.read(8 + len(_BEGINS))
    except OSError as error:
        raise InputError(f"cannot read the key {printable(path)}: {error.strerror}; check `key=`") from None
    if status.st_size > _MOST_BYTES:
        raise _foreign(path)
    try:
        with safe_open(path, framework="numpy") as tensors:
            return tensors.metadata() or {}, {name: tensors.get_tensor(name) for name in tensors.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise (_damaged(path, error) if start[8:] == _BEGINS else _foreign(path)) from None


def _parsed(header: dict[str, Any], tensors: Mapping[str, np.ndarray]) -> Key:
    provenance = {**header["provenance"], "recognisers": tuple(header["provenance"]["recognisers"])}
    whose = header["which"]
    if whose not in (WhoseFace.REFERENCE, WhoseFace.LARGEST, WhoseFace.ALL):
        raise ValueError(f"it is for {whose!r} faces")
    template, threshold = FaceTemplate(tensors["owner_centroid"]), float(header["owner_threshold"])
    spreads = {name: float(spread) for name, spread in header.get("spreads", {}).items()}
    templates = {name: FaceTemplate(tensors[_PERSON + name], spread) for name, spread in spreads.items()}
    if not all(0 < spread < np.inf for spread in spreads.values()):
        raise ValueError("a face template is described wrongly")
    key = Key(
        Mask(tensors["mask"], tensors["template"], float(header["epsilon"])),
        FaceSelector(WhoseFace(whose), template, threshold),
        Provenance(**provenance),
        templates,
    )
    _check(key)
    return key


def _foreign(path: Path) -> KeyFileError:
    return KeyFileError(f"{printable(path)} is not a Guise key: name the file that `protect` wrote with `key=`")


def _damaged(path: Path, error: Exception) -> KeyFileError:
    return KeyFileError(f"the key {printable(path)} is damaged ({printable(str(error))}): restore it from a backup")


def _check(key: Key) -> None:
    mask, selector, made = key.mask, key.selector, key.provenance
    side = mask.values.shape[-1] if mask.values.ndim else 0
    if side == 0 or mask.values.shape != (3, side, side):
        raise ValueError(f"its mask has shape {mask.values.shape}")
    means = [template.mean for template in (selector.template, *key.templates.values())]
    if mask.template.shape != (5, 2) or any(mean.ndim != 1 for mean in means):
        raise ValueError("its landmarks or a face template have a wrong shape")
    if not all(isinstance(text, str) for text in (*made.recognisers, *made.weights, *made.weights.values())):
        raise ValueError("it does not say how it was made")
    for tensor, kind in ((mask.values, "f4"), (mask.template, "f8"), *((mean, "f4") for mean in means)):
        if tensor.dtype != kind or not np.isfinite(tensor).all():
            raise ValueError("its numbers are out of range")
    if not (0 < mask.epsilon <= 1 and 0 < selector.threshold < np.inf and np.ptp(mask.template, axis=0).all()):
        raise ValueError("its numbers are out of range")
    if made.preset not in ("guise", "paper") or not all(type(n) is int for n in (made.photos, made.steps, made.seed)):
        raise ValueError("it does not say how it was made")
