"""A narrow IResNet: residual units that normalise before, between and after their two convolutions.

Source: D. Han et al., "Deep Pyramidal Residual Networks", CVPR 2017, as ArcFace takes it over (J. Deng et al., CVPR
2019, section 3.1); here with half of the usual channels or fewer, and half the resolution from the first layer on.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

# (channels, units) at 56, 28, 14 and 7 pixels a side.
_STAGES = ((32, 1), (64, 3), (128, 4), (128, 2))
_SLOPE = 0.25  # of the activation where it is negative; a learnt one (PReLU) costs CPUs five times as much


class Unit(nn.Module):
    """Two convolutions and a shortcut around them. The second convolution strides."""

    def __init__(self, channels: int, out: int, *, stride: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.BatchNorm2d(channels),
            nn.Conv2d(channels, out, 3, 1, 1, bias=False),
            nn.BatchNorm2d(out),
            nn.LeakyReLU(_SLOPE),
            nn.Conv2d(out, out, 3, stride, 1, bias=False),
            nn.BatchNorm2d(out),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or channels != out:
            self.shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.shortcut(x) + self.layers(x))


class IResNet(nn.Module):
    """float (N, 3, 112, 112) -> (N, `embedding_size`)."""

    def __init__(self, embedding_size: int = 128) -> None:
        super().__init__()
        channels = _STAGES[0][0]
        layers: list[nn.Module] = [
            nn.Conv2d(3, channels, 3, 2, 1, bias=False),
            nn.BatchNorm2d(channels),
            nn.LeakyReLU(_SLOPE),
        ]
        for stage, (out, units) in enumerate(_STAGES):
            for index in range(units):
                layers.append(Unit(channels, out, stride=2 if index == 0 and stage > 0 else 1))
                channels = out
        layers += [nn.BatchNorm2d(channels), nn.Flatten()]
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Linear(channels * 7 * 7, embedding_size), nn.BatchNorm1d(embedding_size))

    def forward(self, images: Tensor) -> Tensor:
        """Embeddings of `images`."""
        return cast(Tensor, self.head(self.features(images)))
