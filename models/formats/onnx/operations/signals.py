"""Fourier transforms, windows that overlap, and sampling on grids."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from guise.models.formats.onnx.operations.rules import NotRunError, operation


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


@operation("STFT")
def _transform_windows(
    node: Any, x: Tensor, step: Tensor, window: Tensor | None = None, length: Tensor | None = None
) -> Tensor:
    """The last dimension holds real and imaginary parts, or real parts alone; the one before is the signal."""
    width = int(length.item()) if length is not None else x.shape[-2] if window is None else len(window)
    frames = x.unfold(-2, width, int(step.item())).mT  # N, frames, width, parts
    frames = frames if window is None else frames * window.to(x.dtype)[:, None]
    signal = torch.view_as_complex(frames.contiguous()) if x.shape[-1] == 2 else frames[..., 0]
    if node.get("onesided", 1) and not signal.is_complex():
        return torch.view_as_real(torch.fft.rfft(signal))
    return torch.view_as_real(torch.fft.fft(signal))


@operation("Col2Im")
def _add_windows(node: Any, x: Tensor, size: Tensor, window: Tensor) -> Tensor:
    kernel, whole = window.tolist(), size.tolist()
    if len(kernel) != 2:
        raise NotRunError(f"{node.name} of {len(kernel)} dimensions")
    strides, dilations = node.get("strides") or [1, 1], node.get("dilations") or [1, 1]
    top, left, bottom, right = node.get("pads") or [0, 0, 0, 0]
    full = (whole[0] + top + bottom, whole[1] + left + right)
    y = F.fold(x, full, tuple(kernel), tuple(dilations), 0, tuple(strides))
    return y[..., top : top + whole[0], left : left + whole[1]]


@operation("GridSample")
def _sample(node: Any, x: Tensor, grid: Tensor) -> Tensor:
    mode = {"linear": "bilinear", "cubic": "bicubic"}.get(node.get("mode", "linear"), node.get("mode", "linear"))
    corners = bool(node.get("align_corners", 0))
    return F.grid_sample(x, grid, mode=mode, padding_mode=node.get("padding_mode", "zeros"), align_corners=corners)


@operation("AffineGrid")
def _grid(node: Any, theta: Tensor, size: Tensor) -> Tensor:
    return F.affine_grid(theta, size.tolist(), align_corners=bool(node.get("align_corners", 0)))
