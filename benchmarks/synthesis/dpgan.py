"""An ordinary DPGAN through Opacus alone, put together as the documentation of Opacus says.

Source of the method: L. Xie et al., "Differentially Private Generative Adversarial Network", 2018. Sampling, clipping,
noise and accounting (PRV) are those of Opacus. The real and the fake half of a batch go through the discriminator in
one pass, since Opacus refuses two.
"""

from __future__ import annotations

import time
import warnings
from dataclasses import replace
from itertools import islice, repeat

import numpy as np
import torch
import torch.nn.functional as F
from opacus import PrivacyEngine
from opacus.accountants.utils import get_noise_multiplier
from opacus.grad_sample import GradSampleModule
from torch import Tensor, nn
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.synthesis.drawing import drawn
from guise.dpaf import ImageDataset
from guise.dpaf.data import scaled
from guise.dpaf.networks.generator import Generator

_BATCH, _RATE, _LATENT = 256, 5e-4, 32
_ERROR = 0.05  # of epsilon; at the default of 0.01 tens of thousands of steps are composed for minutes


class _Discriminator(nn.Module):
    def __init__(self, channels: int, size: int, classes: int) -> None:
        super().__init__()
        side = (size // 2 + 1) // 2
        self.layers = nn.Sequential(
            *(nn.Conv2d(channels, 32, 4, 2, 1), nn.LeakyReLU(0.2)),
            *(nn.Conv2d(32, 64, 3, 2, 1), nn.LeakyReLU(0.2)),
            *(nn.Flatten(), nn.Linear(64 * side**2, classes)),
        )

    def forward(self, images: Tensor) -> Tensor:
        scores: Tensor = self.layers(images)
        return scores


def images(
    dataset: ImageDataset, epsilon: float, delta: float, *, minutes: float, count: int, seed: int
) -> tuple[np.ndarray, np.ndarray, float]:
    """Images uint8 (N, H, W, channels), labels int64 (N,), epsilon spent."""
    warnings.simplefilter("ignore")
    torch.manual_seed(seed)
    rate = min(1.0, _BATCH / len(dataset))
    seconds = _seconds_of_a_step(dataset)
    steps = max(1, int(60 * minutes / seconds))
    noise = get_noise_multiplier(
        target_epsilon=epsilon,
        target_delta=delta,
        sample_rate=rate,
        steps=steps,
        accountant="prv",
        epsilon_tolerance=_ERROR,
        eps_error=_ERROR,
    )
    generator, engine = _trained(dataset, noise, steps)
    return *drawn(generator, count), engine.accountant.get_epsilon(delta, eps_error=_ERROR)


def _seconds_of_a_step(dataset: ImageDataset) -> float:
    """The median of ten on blank images, after two that do not count."""
    blank = replace(dataset, images=torch.zeros_like(dataset.images))
    times: list[float] = []
    _trained(blank, 1.0, 13, times)
    return float(np.median(np.diff(times)[2:]))


def _trained(
    dataset: ImageDataset, noise: float, steps: int, times: list[float] | None = None
) -> tuple[Generator, PrivacyEngine]:
    classes = len(dataset.classes)
    critic = _Discriminator(dataset.channels, dataset.size, classes)
    generator = Generator(dataset.channels, dataset.size, classes, latent=_LATENT, width=64)
    optimiser = torch.optim.Adam(critic.parameters(), _RATE, betas=(0.5, 0.99))
    loader = DataLoader(TensorDataset(dataset.images, dataset.labels), batch_size=min(_BATCH, len(dataset)))
    engine = PrivacyEngine(accountant="prv")
    critic, optimiser, loader = engine.make_private(
        module=critic,
        optimizer=optimiser,
        data_loader=loader,
        noise_multiplier=noise,
        max_grad_norm=1.0,
        loss_reduction="sum",
    )
    theirs = torch.optim.Adam(generator.parameters(), _RATE, betas=(0.5, 0.99))
    batches = (batch for again in repeat(loader) for batch in again)
    for pixels, labels in islice(batches, steps):
        _step(critic, generator, optimiser, theirs, scaled(pixels), labels, classes)
        if times is not None:
            times.append(time.monotonic())
    return generator, engine


def _step(
    critic: GradSampleModule,
    generator: Generator,
    optimiser: torch.optim.Optimizer,
    theirs: torch.optim.Optimizer,
    pixels: Tensor,
    labels: Tensor,
    classes: int,
) -> None:
    wanted = torch.randint(classes, (_BATCH,))
    fakes = generator(torch.randn(_BATCH, _LATENT), wanted)
    scores = critic(torch.cat([pixels, fakes.detach()])).gather(1, torch.cat([labels, wanted]).unsqueeze(1))[:, 0]
    real, fake = scores.split([len(pixels), _BATCH])
    optimiser.zero_grad()
    (F.relu(1 - real).sum() + F.relu(1 + fake).sum()).backward()
    optimiser.step()
    critic.disable_hooks()
    against = -critic(generator(torch.randn(_BATCH, _LATENT), wanted)).gather(1, wanted.unsqueeze(1)).mean()
    theirs.zero_grad()
    against.backward()
    theirs.step()
    critic.enable_hooks()
