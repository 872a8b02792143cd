"""What a batch has written: so that it goes on where it was stopped, and writes over nothing but its own files."""

from __future__ import annotations

import hashlib
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch.utils._pytree import tree_leaves

from guise.harmless.pictures.certificate import Approximate, Certificate, Change, ImageSimilarity
from guise.harmless.sources import LoadedModel
from guise.models.errors import ImageError
from guise.models.files import Manifest, atomic_write, file_hash, printable

MANIFEST = "guise-harmless.jsonl"


class CopyManifest:
    """The manifest of an output folder: one line a copy, with its certificate and the hashes of its files.

    Args:
        out: the folder.

    Raises:
        InputError: the manifest cannot be read.
    """

    def __init__(self, out: Path) -> None:
        self._out, self._manifest = out, Manifest(out / MANIFEST)
        self._written = {name: sha256 for line in self._manifest.records() for name, sha256 in _files(line).items()}

    def finished(self, sha256: str, settings: str, name: str) -> Certificate | None:
        """The certificate of a copy that an earlier run made.

        Args:
            sha256: of the original's file.
            settings: hash of all that decides on a copy but the photo.
            name: of the copy, below the folder.

        Returns:
            The certificate; None where there is no such copy, or a file is not as it was written.
        """
        line = self._manifest.find(sha256, settings, name)
        if line is None or any(file_hash(self._out / file) != wanted for file, wanted in _files(line).items()):
            return None
        try:
            return _certificate(line["certificate"])
        except (KeyError, TypeError):  # of another version
            return None

    def own(self, name: Path) -> bool:
        """Whether there is no such file yet, or it is as a run has written it.

        Args:
            name: of a file below the folder.

        Returns:
            True where a run may write it.
        """
        path = self._out / name
        sha256 = file_hash(path)
        return not os.path.lexists(path) or (sha256 is not None and sha256 == self._written.get(name.as_posix()))

    def write(self, name: Path, data: bytes) -> None:
        """Write a file that is our own, or holds the same already.

        Args:
            name: below the folder.
            data: the whole file.

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
        """Remember a finished copy and its certificate.

        Args:
            sha256: of the original's file.
            settings: hash of all that decides on a copy but the photo.
            name: of the copy, below the folder.
            certificate: of the copy.

        Raises:
            OutputError: the manifest cannot be written.
        """
        names = (name, Path(name).with_suffix(".json").as_posix())
        files = {file: file_hash(self._out / file) or "" for file in names}
        key = {"source_sha256": sha256, "settings_hash": settings, "name": name}
        self._manifest.append({**key, "files": files, "certificate": asdict(certificate)})
        self._written.update(files)


def model_hash(loaded: LoadedModel) -> str:
    """SHA-256 of a model's structure, preprocessing and weights, and of its output for one picture of noise.

    The output tells apart what the others do not show: weights frozen into TorchScript, and code.

    Args:
        loaded: the model.

    Returns:
        Hexadecimal digits.

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


def _files(line: dict[str, Any]) -> dict[str, str]:
    files = line.get("files")
    return files if isinstance(files, dict) else {}


def _certificate(values: dict[str, Any]) -> Certificate:
    similar = {key: values[key] and ImageSimilarity(**values[key]) for key in ("to_original", "to_target")}
    approximate = values["approximate"] and Approximate(**values["approximate"])
    changes = {name: Change(**change) for name, change in values["changes"].items()}
    return Certificate(**{**values, **similar, "approximate": approximate, "changes": changes})
