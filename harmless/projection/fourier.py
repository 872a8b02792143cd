"""Convolutions on a ring: the Fourier transform of their phases takes them apart into one small matrix a frequency.

A stride of s turns each channel into s * s phases (every s-th pixel, from s * s starts), and the strided convolution
of channels into an ordinary one of phases.
Source: P. P. Vaidyanathan, "Multirate Systems and Filter Banks", 1993, chapter 4.
"""

from __future__ import annotations

from typing import cast

import torch
from torch import Tensor

from guise.harmless.operators.convolution import Convolution
from guise.harmless.projection.base import cutoff, off_basis, row_basis


def circulant(operator: object) -> bool:
    """Whether `Fourier` can take it.

    Args:
        operator: any.

    Returns:
        True for convolutions with circular padding that go round once.
    """
    return isinstance(operator, Convolution) and all(axis.circulant for axis in operator.axes)


def symbol(operator: Convolution) -> Tensor:
    """One matrix for each frequency of the output's grid, as if the input were a ring of outputs * stride pixels.

    Args:
        operator: a convolution on a ring.

    Returns:
        complex128 (groups, frequencies, C_out / groups, C_in / groups * s_h * s_w).
    """
    rows, columns = operator.axes
    height, width = rows.outputs * rows.stride, columns.outputs * columns.stride
    ring = operator.weight.new_zeros(*operator.weight.shape[:2], height * width)
    down = (torch.arange(rows.kernel) * rows.dilation - rows.before) % height
    across = (torch.arange(columns.kernel) * columns.dilation - columns.before) % width
    ring.index_add_(2, (down[:, None] * width + across).flatten(), operator.weight.flatten(2))
    transformed = torch.fft.fft2(_phases(ring.unflatten(2, (height, width)), operator)).conj()
    out = operator.weight.shape[0] // operator.groups
    grouped = transformed.reshape(operator.groups, out, -1, rows.outputs * columns.outputs)
    return cast(Tensor, grouped.permute(0, 3, 1, 2).contiguous())


def _phases(x: Tensor, operator: Convolution) -> Tensor:
    """(N, C, H, W) -> (N, C, s_h, s_w, H / s_h, W / s_w)."""
    rows, columns = operator.axes
    split = x.reshape(*x.shape[:2], rows.outputs, rows.stride, columns.outputs, columns.stride)
    return split.permute(0, 1, 3, 5, 2, 4)


class Fourier:
    """Projection frequency by frequency.

    Args:
        operator: a convolution on a ring (see `circulant`).

    Raises:
        ValueError: the convolution is not on a ring (see `circulant`).
    """

    method = "Fourier transform of the phases"

    def __init__(self, operator: Convolution) -> None:
        if not circulant(operator):
            raise ValueError("only convolutions with circular padding that go round once are diagonal in Fourier space")
        self.operator = operator
        values, self._basis = row_basis(symbol(operator))
        self.singular_values = values.flatten().sort(descending=True).values
        self.rank = int((values > cutoff(float(values.max()), *self._basis.shape[-2:])).sum())

    def null(self, v: Tensor) -> Tensor:
        """See `Projector.null`."""
        operator, (rows, columns) = self.operator, self.operator.axes
        phases = torch.fft.fft2(_phases(v.reshape(len(v), *operator.planes), operator))
        spectra = phases.reshape(len(v), operator.groups, -1, rows.outputs * columns.outputs)
        # Vectors as rows of a matrix for each group and frequency.
        spectra = off_basis(spectra.permute(1, 3, 0, 2), self._basis.to(spectra.dtype))
        phases = spectra.permute(2, 0, 3, 1).reshape(phases.shape)
        return cast(Tensor, torch.fft.ifft2(phases).real.permute(0, 1, 4, 2, 5, 3).reshape(v.shape))
