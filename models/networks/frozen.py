"""Networks whose weights are fixed: the same function, and gradients to the image several times faster on a CPU.

PyTorch's PReLU always computes the gradient of its slopes, element by element, and its strided depthwise convolutions
crawl in bfloat16. Batch normalisation, once trained, is a part of the convolution before it. And autocast would convert
fixed weights again at each pass.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.fusion import fuse_conv_bn_weights


class _PReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, slopes: Tensor) -> Tensor:
        ctx.save_for_backward(x, slopes)
        return F.prelu(x, slopes)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        x, slopes = ctx.saved_tensors
        (gradient,) = gradients
        where_positive: Tensor = torch.ops.aten.threshold_backward(gradient, x, 0)
        return where_positive.lerp_(gradient, slopes.view(1, -1, *[1] * (x.ndim - 2))), None


class FrozenPReLU(nn.Module):
    """PReLU with constant slopes, one for each channel or one for all: (N, C, ...) -> the same shape.

    Args:
        slopes: float (C,) or (1,).
    """

    slopes: Tensor

    def __init__(self, slopes: Tensor) -> None:
        super().__init__()
        self.register_buffer("slopes", slopes.detach().clone().flatten())

    def forward(self, x: Tensor) -> Tensor:
        if torch.is_autocast_enabled(x.device.type):  # autocast lowers F.prelu's input, out of sight of the gradient
            x = x.to(torch.get_autocast_dtype(x.device.type))
        return cast(Tensor, _PReLU.apply(x, self.slopes.to(x.dtype)))


class _OwnPrecision(nn.Module):
    """Keeps a convolution out of autocast, in the precision of its weights."""

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return cast(Tensor, self.layer(x.to(self.layer.weight.dtype)))


class _BothPrecisions(nn.Module):
    """A convolution or linear layer that keeps its weights in bfloat16 as well, for autocast."""

    coarse: Tensor

    def __init__(self, layer: nn.Conv2d | nn.Linear) -> None:
        super().__init__()
        self.layer = layer
        self.register_buffer("coarse", layer.weight.detach().bfloat16(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        layer, autocast = self.layer, torch.is_autocast_enabled(x.device.type)
        weight = self.coarse if autocast and not layer.weight.requires_grad else layer.weight
        if isinstance(layer, nn.Linear):
            return F.linear(x, weight, layer.bias)
        return F.conv2d(x, weight, layer.bias, layer.stride, layer.padding, layer.dilation, layer.groups)


def frozen(network: nn.Module) -> nn.Module:
    """Replace each layer that has a faster form. The network's weights must not be trained afterwards.

    Args:
        network: changed in place; batch normalisation as trained.

    Returns:
        The same network.
    """
    if isinstance(network, nn.Sequential):
        _fold(network)
    for name, layer in list(network.named_children()):
        if isinstance(layer, nn.PReLU):
            setattr(network, name, FrozenPReLU(layer.weight))
        elif isinstance(layer, nn.Conv2d) and layer.groups > 1 and max(layer.stride) > 1:
            setattr(network, name, _OwnPrecision(layer))
        elif type(layer) is nn.Linear or (type(layer) is nn.Conv2d and layer.padding_mode == "zeros"):
            setattr(network, name, _BothPrecisions(layer))
        else:
            frozen(layer)
    return network


def _fold(layers: nn.Sequential) -> None:
    """Fold each batch normalisation that follows a convolution into it."""
    for (_, layer), (name, after) in pairwise(list(layers.named_children())):
        if type(layer) is not nn.Conv2d or not isinstance(after, nn.BatchNorm2d):
            continue
        mean, variance = after.running_mean, after.running_var
        if mean is not None and variance is not None:
            layer.weight, layer.bias = fuse_conv_bn_weights(
                layer.weight, layer.bias, mean, variance, after.eps, after.weight, after.bias
            )
            setattr(layers, name, nn.Identity())
