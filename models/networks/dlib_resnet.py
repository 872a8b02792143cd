"""dlib's face recognition ResNet v1 as a torch module (29 convolutions, 128-d embeddings).

Architecture: D. King, `dnn_face_recognition_ex.cpp`; K. He et al., "Deep Residual Learning", CVPR 2016. Batch
normalisation is frozen into per-channel affine layers, which `read_weights` folds into the convolutions.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from guise.models.errors import WeightsError
from guise.models.formats.dlib_dat import LayerTensor, read_layers

_BLOCKS = (  # (input channels, output channels, halves the resolution)
    *[(32, 32, False)] * 3,
    (32, 64, True),
    *[(64, 64, False)] * 3,
    (64, 128, True),
    *[(128, 128, False)] * 2,
    (128, 256, True),
    *[(256, 256, False)] * 2,
    (256, 256, True),
)


class _Block(nn.Module):
    """Two 3x3 convolutions and a parameter-free shortcut; sums are zero-padded to the larger of each dimension."""

    def __init__(self, channels_in: int, channels: int, *, down: bool) -> None:
        super().__init__()
        # dlib leaves strided convolutions without padding.
        stride, padding = (2, 0) if down else (1, 1)
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride=stride, padding=padding)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        self.down = down

    def forward(self, x: Tensor) -> Tensor:
        y = self.conv2(F.relu(self.conv1(x), inplace=True))
        if not self.down:
            return F.relu(x + y, inplace=True)
        shortcut = F.avg_pool2d(x, 2)
        channels, height, width = (max(a, b) for a, b in zip(shortcut.shape[1:], y.shape[1:], strict=True))
        return F.relu(_pad_to(shortcut, channels, height, width) + _pad_to(y, channels, height, width), inplace=True)


def _pad_to(x: Tensor, channels: int, height: int, width: int) -> Tensor:
    missing = (0, width - x.shape[3], 0, height - x.shape[2], 0, channels - x.shape[1])
    return F.pad(x, missing) if any(missing) else x


class DlibResNet(nn.Module):
    """Embeds aligned faces: float32 (N, 3, 150, 150), (RGB - mean) / 256 -> float32 (N, 128), not unit length."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 32, 7, stride=2)
        self.blocks = nn.Sequential(*(_Block(i, o, down=down) for i, o, down in _BLOCKS))
        self.fc = nn.Linear(256, 128, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(F.relu(self.stem(x), inplace=True), 3, stride=2)
        x = self.blocks(x)
        return cast(Tensor, self.fc(x.mean(dim=(2, 3))))


def _convolutions(net: DlibResNet) -> list[tuple[str, nn.Conv2d]]:
    return [(name, module) for name, module in net.named_modules() if isinstance(module, nn.Conv2d)]


def _fold(conv: LayerTensor, affine: LayerTensor, like: nn.Conv2d) -> tuple[Tensor, Tensor]:
    """Weights and bias of a convolution followed by `gamma * y + beta`, as one convolution."""
    channels, size = like.out_channels, like.weight.numel()
    if conv.values.size != size + channels or affine.values.size != 2 * channels:
        raise WeightsError(f"a layer has {conv.values.size} weights where {size + channels} belong")
    values, gamma, beta = (torch.from_numpy(v.copy()).double() for v in (conv.values, *affine.values.reshape(2, -1)))
    weight = values[:size].reshape(like.weight.shape) * gamma[:, None, None, None]
    return weight.float(), (values[size:] * gamma + beta).float()


def read_weights(path: Path) -> dict[str, Tensor]:
    """The weights of `DlibResNet`.

    Args:
        path: the file `dlib_face_recognition_resnet_model_v1.dat`.

    Returns:
        A state dict.

    Raises:
        WeightsError: the file is no such network.
    """
    layers, net = read_layers(path), DlibResNet()
    convolutions = _convolutions(net)
    expected = ["con_4", "affine_"] * len(convolutions) + ["fc_2"]
    if [layer.kind for layer in layers] != expected:
        raise WeightsError(f"{path} holds another network than dlib's face recognition ResNet v1")
    state: dict[str, Tensor] = {}
    for k, (name, like) in enumerate(convolutions):
        state[f"{name}.weight"], state[f"{name}.bias"] = _fold(layers[2 * k], layers[2 * k + 1], like)
    # dlib stores the matrix as inputs x outputs.
    state["fc.weight"] = torch.from_numpy(layers[-1].values.copy()).reshape(256, 128).T.contiguous()
    return state
