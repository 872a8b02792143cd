"""The ResNets for CIFAR-10, with the parameter names of the weights that `--data` holds.

Source: K. He et al., "Deep Residual Learning for Image Recognition", CVPR 2016, section 4.2, with shortcuts without
parameters (option A).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import cast

import numpy as np
from PIL import Image
from torch import Tensor, nn
from torch.nn import functional as F


class _Block(nn.Module):
    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(channels, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
        self.conv2, self.bn2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
        self.wider = (out - channels) // 2

    def forward(self, x: Tensor) -> Tensor:
        y = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        shortcut = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.wider, self.wider)) if self.wider else x
        return F.relu(y + shortcut)


class CifarResNet(nn.Module):
    """float (N, 3, 32, 32), normalised -> (N, 10)."""

    def __init__(self, blocks: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False), nn.BatchNorm2d(16)
        channels = 16
        for stage, out in enumerate((16, 32, 64), 1):
            layers = [_Block(channels if i == 0 else out, out, 2 if i == 0 and stage > 1 else 1) for i in range(blocks)]
            self.add_module(f"layer{stage}", nn.Sequential(*layers))
            channels = out
        self.linear = nn.Linear(64, 10)

    def forward(self, x: Tensor) -> Tensor:
        """Scores of the ten classes."""
        x = F.relu(self.bn1(self.conv1(x)))
        for stage in (1, 2, 3):
            x = self.get_submodule(f"layer{stage}")(x)
        return cast(Tensor, self.linear(x.mean((2, 3))))


def resnet20() -> nn.Module:
    """Three stages of three blocks."""
    return CifarResNet(3)


def resnet56() -> nn.Module:
    """Three stages of nine blocks."""
    return CifarResNet(9)


def test_photos(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """The 1,000 test photos of CIFAR-10 that lie on the last sheet: uint8 (1000, 32, 32, 3), and int64 labels."""
    with Image.open(folder / "sheets" / "50.webp") as sheet:
        tiles = np.asarray(sheet.convert("RGB")).reshape(25, 32, 40, 32, 3)
    labels = json.loads((folder / "labels.json").read_text())["test"]
    return tiles.transpose(0, 2, 1, 3, 4).reshape(1000, 32, 32, 3), np.array(labels, np.int64)
