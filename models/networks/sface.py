"""SFace's MobileNet as a torch module (27 convolutions, 128-d embeddings), read from OpenCV's quantised ONNX file.

Network: A. Howard et al., "MobileNets", 2017; loss: Y. Zhong et al., "SFace: Sigmoid-Constrained Hypersphere Loss for
Robust Face Recognition", IEEE TIP 2021; weights: OpenCV Zoo (Apache-2.0), int8 in blocks along the input channels.
"""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from guise.models.errors import WeightsError
from guise.models.networks.frozen import FrozenPReLU

# (channels, stride) of each depthwise separable block.
_BLOCKS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5, (1024, 2), (1024, 1))
_EPSILON, _LAST_EPSILON = 1e-3, 2e-5  # of batch normalisation
_EMBEDDING = 128


def _layers(channels: int, out: int, *, kernel: int, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    convolution = nn.Conv2d(channels, out, kernel, stride, kernel // 2, groups=groups)
    return [convolution, FrozenPReLU(torch.zeros(out))]


class SFace(nn.Module):
    """Embeds aligned faces: float32 (N, 3, 112, 112), (RGB - 127.5) / 128 -> float32 (N, 128), not unit length."""

    def __init__(self) -> None:
        super().__init__()
        channels = 32
        layers = _layers(3, channels, kernel=3)
        for out, stride in _BLOCKS:
            layers += _layers(channels, channels, kernel=3, stride=stride, groups=channels)
            layers += _layers(channels, out, kernel=1)
            channels = out
        self.features = nn.Sequential(*layers)
        self.fc = nn.Linear(channels * 7 * 7, _EMBEDDING)

    def forward(self, x: Tensor) -> Tensor:
        return cast(Tensor, self.fc(self.features(x).flatten(1)))


def read_weights(path: Path) -> dict[str, Tensor]:
    """The weights of `SFace`, whose convolutions include batch normalisation.

    Args:
        path: the file `face_recognition_sface_2021dec_int8bq.onnx`.

    Returns:
        A state dict.

    Raises:
        WeightsError: the file is no such network.
    """
    try:
        stored = _Stored(path)
        state: dict[str, Tensor] = {}
        names = ["conv_1", *(f"conv_{k}{part}" for k in range(2, len(_BLOCKS) + 2) for part in ("_dw", ""))]
        for index, name in enumerate(names):
            weight = stored.quantised(f"{name}_conv2d_weight")
            scale, shift = stored.normalisation(f"{name}_batchnorm", _EPSILON)
            state[f"features.{2 * index}.weight"] = weight * scale.view(-1, 1, 1, 1)
            state[f"features.{2 * index}.bias"] = shift
            state[f"features.{2 * index + 1}.slopes"] = stored.tensor(f"{name}_relu_gamma").flatten()
        before, offset = stored.normalisation("bn1", _LAST_EPSILON)
        after, last = stored.normalisation("fc1", _LAST_EPSILON)
        weight, bias = stored.quantised("pre_fc1_weight"), stored.quantised("pre_fc1_bias")
        by_channel = weight.view(len(bias), len(before), -1)
        bias = bias + (by_channel * offset.view(1, -1, 1)).sum((1, 2))
        state["fc.weight"] = (by_channel * before.view(1, -1, 1)).flatten(1) * after.view(-1, 1)
        state["fc.bias"] = bias * after + last
    except (KeyError, RuntimeError, ValueError) as error:
        raise WeightsError(f"{path} holds another network than SFace of OpenCV Zoo ({error})") from None
    expected = {name: tensor.shape for name, tensor in SFace().state_dict().items()}
    if {name: tensor.shape for name, tensor in state.items()} != expected:
        raise WeightsError(f"{path} holds another network than SFace of OpenCV Zoo")
    return {name: tensor.float().contiguous() for name, tensor in state.items()}


class _Stored:
    """The tensors of an ONNX file by name, in double precision."""

    def __init__(self, path: Path) -> None:
        import onnx  # here, since the converted weights are all that later runs need
        from onnx import numpy_helper

        try:
            graph = onnx.load(path).graph
        except Exception:  # protobuf's errors share no base class across its versions
            raise WeightsError(f"{path} is not an ONNX file") from None
        self._arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}

    def tensor(self, name: str) -> Tensor:
        """A tensor stored as it is."""
        return torch.from_numpy(self._arrays[name].astype(np.float64))

    def quantised(self, name: str) -> Tensor:
        """A tensor stored as integers, with a scale and a zero for each block along its last axis."""
        integers, scales, zeros = (self.tensor(f"{name}_{part}") for part in ("quantized", "scales", "zero_point"))
        block = -(-integers.shape[-1] // scales.shape[-1])
        scales, zeros = (part.repeat_interleave(block, -1)[..., : integers.shape[-1]] for part in (scales, zeros))
        shape = self._arrays.get(f"{name}_shape", integers.shape)
        return ((integers - zeros) * scales).reshape(tuple(int(side) for side in shape))

    def normalisation(self, name: str, epsilon: float) -> tuple[Tensor, Tensor]:
        """Factor and offset of a trained batch normalisation."""
        gamma, beta, mean, variance = (
            self.tensor(f"{name}_{part}") for part in ("gamma", "beta", "moving_mean", "moving_var")
        )
        scale = gamma / (variance + epsilon).sqrt()
        return scale, beta - mean * scale
