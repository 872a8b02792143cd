"""DP-MERF, from its paper: one release of each class's mean random Fourier features of pixels, matched by a generator.

Source: F. Harder, K. Adamczewski, M. Park, "DP-MERF: Differentially Private Mean Embeddings with Random Features for
Practical Privacy-Preserving Data Generation", AISTATS 2021, sections 3 and 4.1. The numbers are those of their public
code (ParkLabML/DP-MERF, code_balanced, for Fashion-MNIST). Its learning rates are spread over the time that is given.
The network is that of the other rows, with the authors' latent size. Neighbours differ by one record added or removed,
as in ours.
"""

from __future__ import annotations

import time

import numpy as np
import torch
from torch import Tensor

from benchmarks.synthesis.drawing import drawn
from guise.dpaf import ImageDataset, Phase, epsilon_pld, scale_for
from guise.dpaf.networks.generator import Generator

_FEATURES = 10_000
_BANDWIDTH = 127.0 / 784  # a pixel of images in [0, 1]: the authors' for Fashion-MNIST; for MNIST they have 105
_COUNT = 0.02  # squared length of a constant feature, which counts each class
_BATCH, _RATE, _FALL = 500, 0.01, 0.9**5  # of the learning rate, from beginning to end


def images(
    dataset: ImageDataset, epsilon: float, delta: float, *, minutes: float, count: int, seed: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Images uint8 (N, H, W, channels), labels int64 (N,), epsilon spent."""
    torch.manual_seed(seed)
    classes, width = len(dataset.classes), dataset.channels * dataset.size**2
    waves = torch.randn(width, _FEATURES // 2) / (_BANDWIDTH * width) ** 0.5
    phase = Phase("mean embedding", 1.0, 1.0)
    noise = scale_for([phase], epsilon, delta)
    sums = torch.zeros(classes, _FEATURES + 1)
    for rows in torch.arange(len(dataset)).split(1000):
        sums.index_add_(0, dataset.labels[rows], _embedded(dataset.scaled(rows), waves))
    embedding = (sums + noise * torch.randn(sums.shape)) / len(dataset)  # one record's features have norm 1
    shares = embedding[:, -1].clamp_min(1e-6)  # the paper releases counts, too, where classes are unequal
    generator = Generator(dataset.channels, dataset.size, classes, latent=5, width=64)
    optimiser = torch.optim.Adam(generator.parameters(), _RATE)
    start = time.monotonic()
    while (progress := (time.monotonic() - start) / (60 * minutes)) < 1:
        optimiser.param_groups[0]["lr"] = _RATE * _FALL**progress
        labels = torch.multinomial(shares, _BATCH, replacement=True)
        fakes = _embedded(generator(torch.randn(_BATCH, 5), labels), waves)
        mean = torch.zeros_like(embedding).index_add(0, labels, fakes) / _BATCH
        optimiser.zero_grad()
        (mean - embedding).square().sum().backward()
        optimiser.step()
    return *drawn(generator, count, shares=shares), epsilon_pld([Phase("mean embedding", 1.0, noise)], delta)


def _embedded(images: Tensor, waves: Tensor) -> Tensor:
    """Images in [-1, 1] to (B, _FEATURES + 1), of norm 1: the paper's equation 3, and a constant."""
    angles = (images.flatten(1) + 1) / 2 @ waves
    waved = torch.cat([angles.cos(), angles.sin()], 1) * (2 * (1 - _COUNT) / _FEATURES) ** 0.5
    return torch.cat([waved, waved.new_full((len(waved), 1), _COUNT**0.5)], 1)
