"""Networks whose weights are fixed: the same numbers, and gradients to the image several times faster on a CPU.

PyTorch's PReLU always computes the gradient of its slopes, element by element, and its strided depthwise convolutions
crawl in bfloat16. Together they take two thirds of a MobileFaceNet's time.
"""

from __future__ import annotations

from typing import Any, cast

import torch
from torch import Tensor, nn


class _PReLU(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, slopes: Tensor) -> Tensor:
        positive = torch.relu(x)
        ctx.save_for_backward(positive, slopes)
        return (positive * (1 - slopes)).addcmul_(slopes, x)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        positive, slopes = ctx.saved_tensors
        (gradient,) = gradients
        where_positive = torch.ops.aten.threshold_backward(gradient * (1 - slopes), positive, 0)
        return where_positive.addcmul_(slopes, gradient), None


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
        slopes = self.slopes.to(x.dtype).view(1, -1, *[1] * (x.ndim - 2))
        return cast(Tensor, _PReLU.apply(x, slopes))


class _OwnPrecision(nn.Module):
    """Keeps a convolution out of autocast, in the precision of its weights."""

    def __init__(self, layer: nn.Conv2d) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: Tensor) -> Tensor:
        with torch.autocast(x.device.type, enabled=False):
            return cast(Tensor, self.layer(x.to(self.layer.weight.dtype)))


def frozen(network: nn.Module) -> nn.Module:
    """Replace each layer that has a faster form. The network's weights must not be trained afterwards.

    Args:
        network: changed in place.

    Returns:
        The same network.
    """
    for name, layer in list(network.named_children()):
        if isinstance(layer, nn.PReLU):
            setattr(network, name, FrozenPReLU(layer.weight))
        elif isinstance(layer, nn.Conv2d) and layer.groups > 1 and max(layer.stride) > 1:
            setattr(network, name, _OwnPrecision(layer))
        else:
            frozen(layer)
    return network
