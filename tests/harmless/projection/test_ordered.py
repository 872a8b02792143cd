"""Convolutions of several strides together: tiles, and ranks that the order of their windows shows, by dense SVDs."""

from __future__ import annotations

import sys

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from guise.harmless.nullity import Nullity, nullity
from guise.harmless.operators import Convolution, LinearOperator, to_matrix
from guise.harmless.operators.combining import Stacked
from guise.harmless.projection import choice, projector
from guise.harmless.projection.ordered import independent, tells_apart
from guise.harmless.projection.tiles import Tiles, tiled
from tests.harmless.oracle import dense_oracle, random_input

KERNELS = st.tuples(
    st.integers(1, 9),  # filters
    st.tuples(st.integers(1, 4), st.integers(1, 4)),
    st.tuples(st.integers(1, 4), st.integers(1, 4)),  # strides
    st.integers(0, 2),  # padding
    st.integers(1, 2),  # dilation
)


def side_by_side(kernels: list[tuple[int, tuple[int, int], tuple[int, int], int, int]], size: int) -> LinearOperator:
    generator = torch.Generator().manual_seed(0)
    parts = []
    for filters, kernel, stride, padding, dilation in kernels:
        weight = torch.randn(filters, 2, *kernel, generator=generator, dtype=torch.float64)
        parts.append(Convolution(weight, (2, size, size + 1), stride=stride, padding=padding, dilation=dilation))
    return parts[0] if len(parts) == 1 else Stacked(parts)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.lists(KERNELS, min_size=1, max_size=3), st.integers(5, 9))
def test_no_more_is_shown_than_a_dense_decomposition_finds(
    kernels: list[tuple[int, tuple[int, int], tuple[int, int], int, int]], size: int
) -> None:
    for _, kernel, _, padding, dilation in kernels:
        assume(all(padding <= side // 2 and dilation * (side - 1) < size for side in kernel))
    operator = side_by_side(kernels, size)
    expected, rank = dense_oracle(operator)
    matrix = to_matrix(operator)
    if independent(operator):
        assert rank == len(matrix)
    if tells_apart(operator):
        assert rank == int((matrix != 0).any(0).sum())
    if tiled(operator):
        tiles, v = Tiles(operator), random_input(operator)
        assert tiles.rank == rank
        torch.testing.assert_close(tiles.null(v).flatten(1), v.flatten(1) @ expected.T, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize(
    ("kernels", "size"),
    [
        ([(8, (7, 7), (4, 4), 2, 1), (8, (5, 5), (3, 3), 2, 1)], 24),  # two overlapping grids, few filters
        ([(24, (7, 7), (4, 4), 2, 1), (14, (5, 5), (3, 3), 2, 1)], 24),  # neither alone loses nothing, both do
        ([(24, (7, 7), (2, 2), 0, 1)], 17),  # the first window alone tells nothing apart: 98 numbers, 24 filters
        ([(2, (4, 4), (4, 4), 0, 1), (3, (6, 6), (6, 6), 0, 1)], 24),  # patches of two sizes
    ],
)
def test_ranks_of_large_photos_are_counted_without_their_spectrum(
    kernels: list[tuple[int, tuple[int, int], tuple[int, int], int, int]], size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choice, "small", lambda _: False)
    monkeypatch.setattr(sys.modules[Nullity.__module__], "gram_rank", lambda _: None)
    operator = side_by_side(kernels, size)
    matrix = to_matrix(operator).numpy()
    assert nullity(projector(operator)).measured == matrix.shape[1] - np.linalg.matrix_rank(matrix)


@pytest.mark.parametrize("filters", [3, 24])
def test_filters_that_depend_on_one_another_are_not_counted_twice(filters: int) -> None:
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(filters, 2, 3, 3, generator=generator, dtype=torch.float64)
    weight[2:] = weight[:1]  # of rank 2: fewer than the numbers a step apart
    twice = Convolution(weight, (2, 9, 9), stride=2)
    other = Convolution(weight[:1], (2, 9, 9), stride=3)
    assert not independent(twice) and not tells_apart(twice)
    assert not independent(Stacked([twice, other])) and not tells_apart(Stacked([twice, other]))


def test_tiles_of_two_sizes_of_patches_fill_what_neither_reads() -> None:
    large = Convolution(torch.randn(40, 3, 8, 8, dtype=torch.float64), (3, 64, 64), stride=8)
    small = Convolution(torch.randn(6, 3, 4, 4, dtype=torch.float64), (3, 64, 64), stride=4)
    both = projector(Stacked([large, small]))
    v = random_input(both.operator)
    null = both.null(v)
    assert isinstance(both, Tiles) and both.rank == 64 * (40 + 4 * 6)
    for part in (large, small):
        assert float(part.matvec(null).abs().max()) < 1e-12
    assert float(null.norm()) > 0.5 * float(v.norm())
