"""A small classifier that learns from fakes only, and what is aggregated of the images that it is shown."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from guise.dpaf.networks.generator import Generator
from guise.models.networks.precision import half_precision

_HIDDEN, _WAVES = 64, 512
_SHARES = (0.2, 0.4, 0.4)  # squared lengths of verdicts, features and waves: together 1
_BATCH = 64
_STEPS_A_DRAW, _SHOWN = 5, 8  # a student learns from the last batches again


class Student(nn.Module):
    """A small classifier and the features of images that are aggregated; no record affects another.

    Guarantees:
        * Its features have norm 1 at most, whatever the record holds.
        * It learns from fakes only.

    Args:
        channels: of the images.
        size: height and width of the images.
        classes: how many labels.
        seed: of its initial weights and of its waves, which are public.

    Attributes:
        width: of the features.
    """

    centre: Tensor
    spread: Tensor
    waves: Tensor
    phases: Tensor

    def __init__(self, channels: int, size: int, classes: int, *, seed: int) -> None:
        super().__init__()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.fine = nn.Conv2d(channels, 24, 5, stride=2, padding=2)
            self.middle = nn.Conv2d(24, 48, 3, stride=2, padding=1)
            self.coarse = nn.Conv2d(48, _HIDDEN, 3, stride=2, padding=1)
            side = -(-size // 8)
            self.hidden = nn.Linear(_HIDDEN * side**2, _HIDDEN)
            self.verdict = nn.Linear(_HIDDEN, classes)
            looked_at = 48 * 4 + _HIDDEN
            self.register_buffer("centre", torch.zeros(looked_at))
            self.register_buffer("spread", torch.ones(looked_at))
            widths = math.sqrt(looked_at) * torch.tensor([0.5, 1.0]).repeat(_WAVES // 2)
            self.register_buffer("waves", torch.randn(looked_at, _WAVES) / widths)
            self.register_buffer("phases", torch.rand(_WAVES) * 2 * math.pi)
        self.width = classes + looked_at + _WAVES

    def forward(self, images: Tensor) -> Tensor:
        """Features (B, width), of norm 1 at most: what it takes an image for, and what it sees in it.

        Args:
            images: (B, channels, size, size) in [-1, 1].
        """
        scores, seen = self._seen(images)
        standard = (seen - self.centre) / self.spread
        bounded = torch.tanh(standard / 3) / math.sqrt(standard.shape[1])
        waves = (standard @ self.waves + self.phases).cos() / math.sqrt(_WAVES)
        parts = (scores.softmax(1), bounded, waves)
        return torch.cat([share**0.5 * part for share, part in zip(_SHARES, parts, strict=True)], 1)

    def learn(self, generator: Generator, random: torch.Generator, *, steps: int, learning_rate: float) -> None:
        """Learn to tell the classes of fakes, and how far its features of them spread.

        Args:
            generator: that makes the fakes.
            random: of the fakes.
            steps: of the training.
            learning_rate: of Adam, falling to zero.
        """
        self.requires_grad_(True)
        optimiser = torch.optim.Adam(self.parameters(), learning_rate, betas=(0.9, 0.99))
        shown: list[tuple[Tensor, Tensor]] = []
        for step in range(steps):
            if step % _STEPS_A_DRAW == 0:  # drawing takes longer than learning
                shown = [*shown[1 - _SHOWN :], _fakes(generator, random)]
            images, labels = shown[step % len(shown)]
            optimiser.param_groups[0]["lr"] = learning_rate * (1 - step / steps)
            loss = F.cross_entropy(self._seen(images)[0], labels)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        self.requires_grad_(False)
        seen = torch.cat([self._seen(images)[1] for images, _ in shown])
        self.centre.copy_(seen.mean(0))
        self.spread.copy_(seen.std(0).clamp_min(1e-3 * float(seen.std() + 1e-6)))

    @torch.no_grad()
    def of_fakes(self, generator: Generator, random: torch.Generator) -> Tensor:
        """Features (classes, n, width) of as many fakes of each class.

        Args:
            generator: that makes the fakes.
            random: of the fakes.
        """
        each = torch.arange(generator.classes).unsqueeze(1).expand(-1, _BATCH)
        return torch.stack([self(generator.draw(labels, random)) for labels in each])

    def _seen(self, images: Tensor) -> tuple[Tensor, Tensor]:
        with half_precision(images.device):
            middle = F.leaky_relu(self.middle(F.leaky_relu(self.fine(images), 0.1)), 0.1)
            coarse = F.leaky_relu(self.coarse(middle), 0.1)
            hidden = F.leaky_relu(self.hidden(coarse.flatten(1)), 0.1)
            scores = self.verdict(hidden)
        pooled = F.adaptive_avg_pool2d(middle.float(), 2).flatten(1)
        return scores.float(), torch.cat([pooled, hidden.float()], 1)


@torch.no_grad()
def _fakes(generator: Generator, random: torch.Generator) -> tuple[Tensor, Tensor]:
    labels = torch.randint(generator.classes, (_BATCH,), generator=random)
    return generator.draw(labels, random), labels
