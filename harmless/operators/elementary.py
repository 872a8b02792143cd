"""Scaling, mixing of channels, resizing, and any other linear function given as code."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from guise.harmless.operators.base import Shape
from guise.harmless.operators.convolution import Convolution

LUMA = (0.2989, 0.587, 0.114)
"""Weights of R, G and B as torchvision's Grayscale has them (ITU-R BT.601)."""


class Scale:
    """Multiplication of each entry by a constant.

    Args:
        factors: broadcastable to `input_shape`.
        input_shape: of one item.
    """

    def __init__(self, factors: Tensor, input_shape: Shape) -> None:
        self.factors = factors.detach().double()
        self.input_shape = self.output_shape = input_shape

    def matvec(self, x: Tensor) -> Tensor:
        """See `LinearOperator.matvec`; the operator is its own adjoint."""
        return x * self.factors.to(x)

    rmatvec = matvec


class LinearFunction:
    """A function that is known to be linear; its adjoint is the reverse mode of differentiation.

    Args:
        function: (N, *input_shape) -> (N, *output_shape), differentiable.
        input_shape: of one item.
    """

    def __init__(self, function: Callable[[Tensor], Tensor], input_shape: Shape) -> None:
        self.function = function
        self.input_shape = input_shape
        self.output_shape: Shape = tuple(self.matvec(torch.zeros(1, *input_shape, dtype=torch.float64)).shape[1:])

    def matvec(self, x: Tensor) -> Tensor:
        """See `LinearOperator.matvec`."""
        with torch.no_grad():
            return self.function(x)

    def rmatvec(self, y: Tensor) -> Tensor:
        """See `LinearOperator.rmatvec`."""
        with torch.enable_grad():
            x = y.new_zeros(len(y), *self.input_shape, requires_grad=True)
            (gradient,) = torch.autograd.grad(self.function(x), x, y)
        return gradient


class Resize(LinearFunction):
    """Bilinear resizing of (C, H, W) as torchvision and `torch.nn.functional.interpolate` do it.

    Args:
        input_shape: (C, H, W).
        height: afterwards.
        width: afterwards.
        antialias: average over what is left out.
    """

    def __init__(self, input_shape: Shape, height: int, width: int, *, antialias: bool = True) -> None:
        self.size = (height, width)
        super().__init__(lambda x: F.interpolate(x, (height, width), mode="bilinear", antialias=antialias), input_shape)


def channel_mix(weight: Tensor, input_shape: Shape) -> Convolution:
    """A matrix over the channels of each pixel, which is a 1 x 1 convolution.

    Args:
        weight: (C_out, C_in).
        input_shape: (C_in, L) or (C_in, H, W).

    Returns:
        The convolution.
    """
    return Convolution(weight.view(*weight.shape, *[1] * (len(input_shape) - 1)), input_shape)


def greyscale(input_shape: Shape, *, copies: int = 1) -> Convolution:
    """Luma of colour photos.

    Args:
        input_shape: (3, H, W).
        copies: channels that the luma is written to.

    Returns:
        A 1 x 1 convolution.
    """
    return channel_mix(torch.tensor([LUMA] * copies, dtype=torch.float64), input_shape)
