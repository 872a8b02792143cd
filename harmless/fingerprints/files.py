"""A probe as a folder: PNGs that can be sent to any service, and probe.json with what to expect of them."""

from __future__ import annotations

import json
import math
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from guise.harmless.fingerprints.probe import Origin, Probe, Strangers
from guise.harmless.pictures.photos import unsaved_photo
from guise.models.errors import InputError, first_line
from guise.models.files import atomic_write, printable, read_photo, write_photo

_VERSION = 1
_ROLES = ("a", "b", "control")


def check_new(folder: Path) -> None:
    """Refuse a folder that holds anything.

    Args:
        folder: where a probe is to go.

    Raises:
        InputError: it exists and holds anything.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise InputError(f"{printable(folder)} is there already; name a new folder with `out=`")


def save_probe(probe: Probe, folder: Path) -> None:
    """Write the pictures, then probe.json, which names them in the order in which outputs are expected.

    Args:
        probe: what to write.
        folder: a new one.

    Raises:
        InputError: the folder exists and holds anything.
        OutputError: a file cannot be written.
    """
    check_new(folder)
    names = [[f"{number:02}-{role}.png" for role in _ROLES] for number in range(len(probe.pictures))]
    for three, pictures in zip(names, probe.pictures, strict=True):
        for name, pixels in zip(three, pictures, strict=True):
            write_photo(folder / name, unsaved_photo(pixels), pixels)
    contents = {"version": _VERSION, "equal": "a and b; not control", "pictures": names, **asdict(probe.origin)}
    with atomic_write(folder / "probe.json") as file:
        file.write(json.dumps(contents, indent=1, allow_nan=False).encode() + b"\n")


def load_probe(folder: Path) -> Probe:
    """The probe in a folder.

    Args:
        folder: what `save_probe` wrote.

    Returns:
        The probe.

    Raises:
        InputError: there is none, or it is damaged.
        ImageError: a picture cannot be read.
    """
    file = folder / "probe.json"
    try:
        contents: dict[str, Any] = json.loads(file.read_bytes())
        if contents["version"] != _VERSION:
            raise ValueError(f"version {contents['version']}")
        disturbed = {level: _number(score) for level, score in contents["strangers"].pop("disturbed").items()}
        others = {name: _number(value) for name, value in contents["strangers"].items()}
        score, threshold = _number(contents["score"]), _number(contents["threshold"])
        origin = Origin(score, threshold, Strangers(**others, disturbed=disturbed))
        names = [[Path(name).name for name in three] for three in contents["pictures"]]
    except FileNotFoundError:
        raise InputError(f"{printable(folder)} holds no probe.json; name what fingerprint make wrote") from None
    except Exception as error:  # reading hostile bytes raises almost anything
        raise InputError(f"{printable(file)} is damaged or newer ({first_line(error)}); make the probe again") from None
    pictures = [[read_photo(folder / name).pixels for name in three] for three in names]
    if not pictures or {len(three) for three in pictures} != {3} or len({p.shape for t in pictures for p in t}) != 1:
        raise InputError(f"{printable(file)} does not name three pictures of one size a pair; make the probe again")
    return Probe(np.stack([np.stack(three) for three in pictures]), origin)


def read_outputs(path: Path, pairs: int) -> NDArray[np.float64]:
    """Outputs that somebody else's model gave.

    Args:
        path: .npy (never a pickle) or .json with a list of lists, one row a picture in the probe's order.
        pairs: how many the probe has.

    Returns:
        float64 (pairs, 3, D).

    Raises:
        InputError: it cannot be read, or has another number of rows.
    """
    try:
        if path.suffix.lower() == ".json":
            outputs = np.asarray(json.loads(path.read_bytes()), dtype=np.float64)
        else:
            outputs = np.load(path, allow_pickle=False).astype(np.float64)
    except Exception as error:  # as above
        what = f"{printable(path)} holds no outputs ({first_line(error)})"
        raise InputError(f"{what}; a .npy or .json is needed") from None
    if outputs.ndim < 2 or len(outputs) != 3 * pairs or outputs[0].size == 0:
        raise InputError(f"{printable(path)} has shape {outputs.shape}; the probe has {3 * pairs} pictures, a row each")
    return outputs.reshape(pairs, 3, -1)


def _number(value: Any) -> Any:
    """`value`, if it is a finite number."""
    if not isinstance(value, int | float) or not math.isfinite(value):
        raise ValueError(f"{value!r} is no finite number")
    return value
