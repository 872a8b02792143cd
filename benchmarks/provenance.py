"""Where figures come from: the version of the code, the machine, and the versions of the packages."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

_ROOT = Path(__file__).parents[1]
_PACKAGES = ["torch", "numpy", "pillow", "facenet-pytorch", "dlib-bin", "ncnn", "onnx", "opacus", "dp-accounting"]


def code_version() -> dict[str, str]:
    """The commit, and a digest of the present code, which may differ from the commit's."""
    digest = hashlib.sha256()
    for part in ("chameleon", "dpaf", "harmless", "models", "benchmarks", "scripts"):
        for pattern in ("*.py", "*.safetensors"):
            for file in sorted((_ROOT / part).rglob(pattern)):
                digest.update(file.read_bytes())
    return {"commit": commit_of(_ROOT), "code": digest.hexdigest()[:16]}


def commit_of(checkout: Path) -> str:
    """The commit of a checkout."""
    told = subprocess.run(["git", "rev-parse", "HEAD"], cwd=checkout, capture_output=True, text=True, check=False)
    return told.stdout.strip() or "unknown"


def environment() -> dict[str, Any]:
    """Hardware and versions."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "memory_gib": _memory(),
        "system": platform.system(),
        "versions": {"python": platform.python_version()} | {name: _version(name) for name in _PACKAGES},
    }


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        return next(line.split(":", 1)[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        return platform.processor() or platform.machine()


def _memory() -> float | None:
    try:
        return round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1)
    except (AttributeError, ValueError, OSError):
        return None


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
