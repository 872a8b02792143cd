"""A trunk of LPIPS as torchvision builds it, with random weights: the published ones do not come with the project."""

from __future__ import annotations

import hashlib
import io
import warnings
from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import pytest
import torch
from torchvision.models import squeezenet1_1

from guise.models.places import cache_folder
from guise.models.registry import LPIPS, OTHERS
from guise.models.weights.record import WeightRecord

PUBLISHED = OTHERS[LPIPS]


@cache
def trunk(*, zipped: bool = True) -> bytes:
    """The file, in the format of today or in that of torch before 1.6."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        weights = squeezenet1_1(weights=None).state_dict()
    file = io.BytesIO()
    torch.save(weights, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()


def record_of(content: bytes, *, origin: str = "https://example.invalid/trunk.pth") -> WeightRecord:
    """The record of the trunk, but with another file."""
    digest = hashlib.sha256(content).hexdigest()
    return replace(PUBLISHED, origin=origin, file=f"{digest}.pth", sha256=digest, bytes=len(content))


def put_into_cache(patch: pytest.MonkeyPatch, content: bytes | None = None) -> Path:
    """The trunk as if it had been fetched; the caller deletes the file."""
    record = record_of(trunk())
    patch.setitem(OTHERS, LPIPS, record)
    file = cache_folder() / "weights" / record.file
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(trunk() if content is None else content)
    return file


def reference(a: np.ndarray, b: np.ndarray) -> float:
    """LPIPS of two pictures, uint8 (H, W, 3), by the package's own class alone."""
    import lpips

    with torch.no_grad():
        return float(_reference()(*(lpips.im2tensor(image) for image in (a, b))))


@cache
def _reference() -> torch.nn.Module:
    """It takes the trunk from torch's folder of downloads."""
    import lpips

    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it calls torchvision in an old way
        patch.setenv("TORCH_HOME", folder)
        file = Path(torch.hub.get_dir(), "checkpoints", PUBLISHED.file)
        file.parent.mkdir(parents=True)
        file.write_bytes(trunk())
        network: torch.nn.Module = lpips.LPIPS(net="squeeze", verbose=False)
    return network
