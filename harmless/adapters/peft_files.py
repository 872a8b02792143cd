"""Adapters as PEFT writes them: adapter_config.json and adapter_model.safetensors in one folder."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import safe_open
from safetensors.torch import save
from torch import Tensor

from guise.models.errors import InputError, WeightsError
from guise.models.files import atomic_write, printable
from guise.models.formats.checkpoint import read_tables

CONFIG = "adapter_config.json"
_FILES = ("adapter_model.safetensors", "adapter_model.bin")
_PREFIX = "base_model.model."


@dataclass(frozen=True)
class LoraLayer:
    """One adapted layer: the update is B A, times a factor that does not turn it.

    Attributes:
        name: of the layer in the model, such as model.layers.0.self_attn.q_proj.
        a: name of A, (rank, in), in the adapter.
        b: name of B, (out, rank), in the adapter.
    """

    name: str
    a: str
    b: str


@dataclass(frozen=True)
class Adapter:
    """An adapter as it was read.

    Attributes:
        folder: where it lies.
        config: its adapter_config.json.
        tensors: all of its tensors by name.
        layers: those that update a matrix.
        others: what else it holds, which is left as it is.
    """

    folder: Path
    config: dict[str, Any]
    tensors: dict[str, Tensor]
    layers: tuple[LoraLayer, ...]
    others: tuple[str, ...]

    @property
    def transposed(self) -> bool:
        """The model stores matrices as (in, out), as GPT-2 does."""
        return bool(self.config.get("fan_in_fan_out"))


def read_adapter(folder: Path) -> Adapter:
    """Read an adapter.

    Args:
        folder: as PEFT's `save_pretrained` writes it.

    Returns:
        The adapter.

    Raises:
        InputError: it is no such folder, or an adapter of another kind than LoRA on matrices.
        WeightsError: a file is damaged.
    """
    file = next((folder / name for name in _FILES if (folder / name).is_file()), None)
    if not (folder / CONFIG).is_file() or file is None:
        what = f"{printable(folder)} holds no {CONFIG} with {_FILES[0]}"
        raise InputError(f"{what}; name a folder as PEFT's save_pretrained writes it")
    try:
        config = json.loads((folder / CONFIG).read_text("utf-8"))
        kind = str(config["peft_type"]).upper()
    except (ValueError, KeyError, TypeError, OSError):
        raise WeightsError(
            f"{printable(folder / CONFIG)} is no adapter's configuration; save the adapter again"
        ) from None
    if kind != "LORA" or config.get("use_dora"):
        told = "DoRA, whose update is no product of two matrices" if config.get("use_dora") else kind
        raise InputError(f"{printable(folder)} is an adapter of {told}; only plain LoRA is projected")
    tensors = next(iter(read_tables(file).values()))
    layers = []
    for name in sorted(tensors):
        partner = name.replace(".lora_B.", ".lora_A.")
        if ".lora_B." in name and partner in tensors and tensors[name].ndim == 2 and name.endswith("weight"):
            layers.append(LoraLayer(name.partition(".lora_B.")[0].removeprefix(_PREFIX), partner, name))
    if not layers:
        raise InputError(f"{printable(file)} updates no matrix; name an adapter with LoRA on linear layers")
    known = {each for layer in layers for each in (layer.a, layer.b)}
    return Adapter(folder, config, tensors, tuple(layers), tuple(name for name in sorted(tensors) if name not in known))


def write_adapter(adapter: Adapter, tensors: Mapping[str, Tensor], out: Path, report: str) -> None:
    """Write an adapter with other matrices; everything else is copied.

    Args:
        adapter: the original, which stays as it is.
        tensors: those that changed, by name.
        out: a new folder.
        report: JSON that is written next to it, as projection.json.

    Raises:
        OutputError: a file cannot be written.
    """
    metadata = {"format": "pt"}
    if (file := adapter.folder / _FILES[0]).is_file():
        with safe_open(file, framework="pt") as opened:
            metadata |= opened.metadata() or {}
    content = {name: tensor.contiguous() for name, tensor in (adapter.tensors | dict(tensors)).items()}
    out.mkdir(parents=True, exist_ok=True)
    for name, data in ((_FILES[0], save(content, metadata=metadata)), ("projection.json", report.encode())):
        with atomic_write(out / name) as target:
            target.write(data)
    for source in sorted(adapter.folder.iterdir()):
        if source.is_file() and source.name not in (*_FILES, "projection.json"):
            with atomic_write(out / source.name) as target, source.open("rb") as original:
                shutil.copyfileobj(original, target)
