"""Images from a generator that a baseline has trained."""

from __future__ import annotations

import numpy as np
import torch

from dpaf.generator import Generator


@torch.no_grad()
def drawn(generator: Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 (N, H, W, channels) of all classes in turn, and their labels int64 (N,)."""
    generator.eval()
    labels = torch.arange(count) % generator.classes
    parts = [generator(torch.randn(len(part), generator.latent), part) for part in labels.split(500)]
    pixels = torch.cat(parts).add(1).mul(127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1)
    return pixels.numpy(), labels.numpy()
