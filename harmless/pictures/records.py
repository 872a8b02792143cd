"""What a batch has written: so that it goes on where it was stopped, and writes over nothing but its own."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from guise.harmless.loading import Loaded
from guise.harmless.pictures.certificate import Approximate, Certificate, Change, Likeness
from guise.models.errors import ImageError
from guise.models.files import Manifest, atomic_write, file_hash, printable

MANIFEST = "guise-harmless.jsonl"


class Records:
    """The manifest of an output folder.

    Args:
        out: the folder.

    Raises:
        InputError: the manifest cannot be read.
    """

    def __init__(self, out: Path) -> None:
        self._out, self._manifest = out, Manifest(out / MANIFEST)
        self._written = {name: sha256 for one in self._manifest.records() for name, sha256 in _files(one).items()}

    def finished(self, sha256: str, settings: str, name: str) -> Certificate | None:
        """The certificate of a copy made before, if it and its file are as they were written."""
        record = self._manifest.find(sha256, settings, name)
        if record is None or any(file_hash(self._out / file) != wanted for file, wanted in _files(record).items()):
            return None
        try:
            return _certificate(record["certificate"])
        except (KeyError, TypeError):  # of another version
            return None

    def own(self, name: Path) -> bool:
        """There is no such file yet, or it is as a run has written it."""
        path = self._out / name
        found = file_hash(path)
        return not os.path.lexists(path) or (found is not None and found == self._written.get(name.as_posix()))

    def write(self, name: Path, data: bytes) -> None:
        """Write a file that is our own, or holds the same already.

        Raises:
            ImageError: another file is in the way.
            OutputError: it cannot be written.
        """
        path = self._out / name
        if not self.own(name) and file_hash(path) != hashlib.sha256(data).hexdigest():
            what = f"cannot write {printable(path)}: another file is there already"
            raise ImageError(f"{what}; move it away or choose another output folder")
        with atomic_write(path) as file:
            file.write(data)

    def add(self, sha256: str, settings: str, name: str, certificate: Certificate) -> None:
        """Record a finished copy with its certificate's file."""
        names = (name, Path(name).with_suffix(".json").as_posix())
        files = {one: file_hash(self._out / one) or "" for one in names}
        key = {"source_sha256": sha256, "settings_hash": settings, "name": name}
        self._manifest.append({**key, "files": files, "certificate": asdict(certificate)})
        self._written.update(files)


def model_hash(loaded: Loaded) -> str:
    """SHA-256 of a model's structure, preprocessing and weights, and of its output for one picture of noise.

    The output tells apart what the others do not show: weights frozen into TorchScript, and code.

    Raises:
        InputError: the model fails.
    """
    noise = 255 * torch.rand(1, *loaded.input_shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        outputs = enumerate(tree_leaves(loaded.model(noise)))
    digest = hashlib.sha256(repr((loaded.input_shape, loaded.model)).encode())
    for module in loaded.model.modules():
        digest.update(repr(getattr(module, "preprocessing", "")).encode())
    for name, tensor in [*sorted(loaded.model.state_dict().items()), *outputs]:
        digest.update(str(name).encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def _files(record: dict[str, Any]) -> dict[str, str]:
    found = record.get("files")
    return found if isinstance(found, dict) else {}


def _certificate(found: dict[str, Any]) -> Certificate:
    likenesses = {key: found[key] and Likeness(**found[key]) for key in ("to_original", "to_target")}
    approximate = found["approximate"] and Approximate(**found["approximate"])
    changes = {name: Change(**change) for name, change in found["changes"].items()}
    return Certificate(**{**found, **likenesses, "approximate": approximate, "changes": changes})
