"""Draw images from a generator that a baseline has trained."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from guise.dpaf.networks.generator import Generator
from guise.dpaf.synthesis.drawing import in_turn


@torch.no_grad()
def drawn(generator: Generator, count: int, *, shares: Tensor | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Images uint8 (N, H, W, channels) and their labels int64 (N,): of classes of such shares (C,), or of all alike."""
    generator.eval()
    alike = torch.full((generator.classes,), 1 / generator.classes)
    labels = in_turn(alike if shares is None else shares / shares.sum(), count)
    parts = [generator(torch.randn(len(part), generator.latent), part) for part in labels.split(500)]
    pixels = torch.cat(parts).add(1).mul(127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1)
    return pixels.numpy(), labels.numpy()
