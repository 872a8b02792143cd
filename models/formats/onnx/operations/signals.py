"""Fourier transforms, and sampling on grids."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from guise.models.formats.onnx.operations.rules import operation


@operation("DFT")
def _transform(node: Any, x: Tensor, length: Tensor | None = None, axis: Tensor | None = None) -> Tensor:
    """The last dimension holds real and imaginary parts, or real parts alone."""
    place = int(axis.item()) if axis is not None else node.get("axis", 1 if node.opset < 20 else -2)
    place = place % x.ndim
    count = None if length is None else int(length.item())
    signal = torch.view_as_complex(x.contiguous()) if x.shape[-1] == 2 else x[..., 0]
    if node.get("inverse", 0):
        if node.get("onesided", 0):
            return torch.fft.irfft(signal, count, dim=place).unsqueeze(-1)
        return torch.view_as_real(torch.fft.ifft(signal, count, dim=place))
    if node.get("onesided", 0):
        return torch.view_as_real(torch.fft.rfft(signal, count, dim=place))
    return torch.view_as_real(torch.fft.fft(signal, count, dim=place))


@operation("GridSample")
def _sample(node: Any, x: Tensor, grid: Tensor) -> Tensor:
    mode = {"linear": "bilinear", "cubic": "bicubic"}.get(node.get("mode", "linear"), node.get("mode", "linear"))
    corners = bool(node.get("align_corners", 0))
    return F.grid_sample(x, grid, mode=mode, padding_mode=node.get("padding_mode", "zeros"), align_corners=corners)


@operation("AffineGrid")
def _grid(node: Any, theta: Tensor, size: Tensor) -> Tensor:
    return F.affine_grid(theta, size.tolist(), align_corners=bool(node.get("align_corners", 0)))
