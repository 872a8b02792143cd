"""Models for tests of the command line, called as tiny:NAME."""

from __future__ import annotations

import torch
from torch import nn


def patches() -> nn.Module:
    """Reads 8 x 8 x 3 = 192 values of each patch of a 32 x 32 photo through 48 numbers."""
    return nn.Sequential(nn.Conv2d(3, 48, 8, 8), nn.ReLU(), nn.Flatten(), nn.Linear(48 * 16, 10))


def strided() -> nn.Module:
    """A convolution whose windows overlap; 8 measurements against 12 values."""
    return nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(8 * 256, 10))


def relu_first() -> nn.Module:
    """Nothing of its input is provably ignored."""
    return nn.Sequential(nn.ReLU(), patches())


def everything() -> nn.Module:
    """As many measurements as values."""
    return nn.Sequential(nn.Conv2d(3, 12, 2, 2), nn.ReLU(), nn.Flatten(), nn.Linear(12 * 256, 10))


class Dictionary(nn.Module):
    """Answers as detectors and language models do; half precision is too small for one of them."""

    def __init__(self) -> None:
        super().__init__()
        self.first = patches()

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
        scores = self.first(x)
        return {"scores": scores, "large": 1e6 * scores}


class Single(nn.Module):
    """Takes one photo at a time, as a traced model may."""

    def __init__(self) -> None:
        super().__init__()
        self.first = patches()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if len(x) != 1:
            raise RuntimeError(f"batch of {len(x)}")
        return self.first(x)


class Constant(nn.Module):
    """Filters that are no weights: single precision whatever is asked for, and nothing in the state dict."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__()
        self.kernel = torch.randn(48, 3, 8, 8, generator=torch.Generator().manual_seed(seed))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.conv2d(x, self.kernel, stride=8).relu().flatten(1)


class Joint(nn.Module):
    """Two layers read the photo; one has the name that the two together go by."""

    def __init__(self) -> None:
        super().__init__()
        self.joint, self.other = nn.Conv2d(3, 8, 8, 8), nn.Conv2d(3, 16, 8, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.joint(x).relu(), self.other(x).relu()], 1).flatten(1)


def no_module() -> torch.Tensor:
    """Not what a factory should give."""
    return torch.zeros(1)


def unfinished() -> nn.Module:
    """Fails on photos of any size."""
    return nn.Module()


def repeated() -> nn.Module:
    """Has each of 8 filters three times; too large on 64 x 64 to be decomposed."""
    stem = nn.Conv2d(3, 24, 7, 2)
    with torch.no_grad():
        stem.weight.copy_(stem.weight[:8].repeat(3, 1, 1, 1))
    return nn.Sequential(stem, nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())


def stopped() -> nn.Module:
    """Ctrl-C is pressed while it is made."""
    raise KeyboardInterrupt


def few() -> nn.Module:
    """Reads 40 numbers of each quarter of a 32 x 32 photo."""
    return nn.Sequential(nn.Conv2d(3, 40, 16, 16), nn.ReLU(), nn.Flatten(), nn.Linear(40 * 4, 5))


def lazy() -> nn.Module:
    """Its layers learn from the first photo how many values they read."""
    return nn.Sequential(nn.LazyConv2d(8, 8, 8), nn.ReLU(), nn.Flatten(), nn.LazyLinear(10))
