"""Adapters and models as they lie on disk, small and made by hand."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

PREFIX = "base_model.model."


def save_model(folder: Path, tensors: dict[str, Tensor], *, shards: int = 1) -> Path:
    folder.mkdir(parents=True)
    names = sorted(tensors)
    for index in range(shards):
        own = {name: tensors[name] for name in names[index::shards]}
        save_file(own, folder / f"model-{index + 1:05}-of-{shards:05}.safetensors")
    return folder


def save_adapter(folder: Path, pairs: dict[str, tuple[Tensor, Tensor]], **config: object) -> Path:
    """Pairs (A, B) by the layer that they adapt."""
    folder.mkdir(parents=True)
    tensors = {}
    for name, (a, b) in pairs.items():
        tensors |= {f"{PREFIX}{name}.lora_A.weight": a, f"{PREFIX}{name}.lora_B.weight": b}
    save_file(
        {name: tensor.contiguous() for name, tensor in tensors.items()},
        folder / "adapter_model.safetensors",
        metadata={"format": "pt"},
    )
    (folder / "adapter_config.json").write_text(json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 4} | config))
    return folder


def low_rank(out: int, inner: int, rank: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(out, rank, generator=generator) @ torch.randn(rank, inner, generator=generator)
