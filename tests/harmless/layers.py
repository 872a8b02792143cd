"""Convolutions of all kinds for Hypothesis, as torch layers."""

from __future__ import annotations

import warnings

import torch
from hypothesis import strategies as st
from torch import nn

from guise.harmless.operators import Convolution


@st.composite
def convolutions(
    draw: st.DrawFn, modes: tuple[str, ...] = ("zeros", "circular", "reflect", "replicate")
) -> tuple[nn.Module, Convolution]:
    """A layer with random weights and the operator that should equal it."""
    spatial = draw(st.sampled_from((1, 2, 2)))
    size = [draw(st.integers(4, 9)) for _ in range(spatial)]
    kernel = [draw(st.integers(1, 4)) for _ in range(spatial)]
    stride = [draw(st.integers(1, 4)) for _ in range(spatial)]
    dilation = [draw(st.integers(1, 2)) for _ in range(spatial)]
    padding = [draw(st.integers(0, 3)) for _ in range(spatial)]
    groups, inner, outer = draw(st.sampled_from((1, 1, 2))), draw(st.integers(1, 3)), draw(st.integers(1, 4))
    for axis in range(spatial):  # the kernel must fit
        if dilation[axis] * (kernel[axis] - 1) + 1 > size[axis] + 2 * padding[axis]:
            dilation[axis] = 1
    mode = draw(st.sampled_from(modes))
    torch.manual_seed(draw(st.integers(0, 99)))
    kind = nn.Conv1d if spatial == 1 else nn.Conv2d
    options = {"stride": stride, "padding": padding, "dilation": dilation, "groups": groups}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        layer = kind(groups * inner, groups * outer, kernel, bias=False, padding_mode=mode, **options).double()
    operator = Convolution(layer.weight, (groups * inner, *size), mode=mode, **options)  # type: ignore[arg-type]
    return layer, operator
