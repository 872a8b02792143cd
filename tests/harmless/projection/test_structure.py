"""Projectors that rest on structure, against the dense oracle."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from guise.harmless.operators import (
    Composed,
    Convolution,
    Gather,
    LinearFunction,
    Matrix,
    columns,
    simplified,
    to_matrix,
)
from guise.harmless.operators.combining import Summed
from guise.harmless.operators.gather import reshaping
from guise.harmless.projection import projector
from guise.harmless.projection.bordered import Bordered, bordered
from guise.harmless.projection.gram import gram_rank
from guise.harmless.projection.injective import Unread, injective
from guise.harmless.projection.joint import contains
from guise.harmless.projection.low_rank import LowRank
from tests.harmless.layers import convolutions
from tests.harmless.oracle import dense_oracle, random_input

IMAGE = (3, 8, 8)


def check(projection: object, *, close: float = 1e-9) -> None:
    operator = projection.operator  # type: ignore[attr-defined]
    matrix, rank = dense_oracle(operator)
    v = random_input(operator)
    expected = (v.flatten(1) @ matrix.T).view_as(v)
    torch.testing.assert_close(projection.null(v), expected, rtol=close, atol=close)  # type: ignore[attr-defined]
    assert projection.rank == rank  # type: ignore[attr-defined]


@settings(max_examples=100, deadline=None)
@given(convolutions(modes=("zeros",)))
def test_structure_never_claims_more_than_the_oracle(pair: tuple[nn.Module, Convolution]) -> None:
    operator = pair[1]
    if bordered(operator):
        check(Bordered(operator))
    if injective(operator):
        check(Unread(operator))
    rank = gram_rank(operator)
    assert rank is None or rank == dense_oracle(operator)[1]


@pytest.mark.parametrize(
    ("weight", "how"),
    [
        ((12, 3, 2, 2), {"stride": 2}),
        ((16, 3, 3, 3), {"stride": 2, "padding": 1}),
        ((12, 3, 3, 3), {"padding": 1}),
        ((64, 3, 7, 7), {"stride": 2, "padding": 3}),
    ],
)
def test_stems_of_common_networks_are_seen_to_lose_nothing(weight: tuple[int, ...], how: dict[str, int]) -> None:
    torch.manual_seed(0)
    operator = Convolution(torch.randn(weight), (3, 12, 12), **how)  # type: ignore[arg-type]
    assert injective(operator)
    check(Unread(operator))
    few = Convolution(torch.randn(11, 3, 3, 3), (3, 12, 12), stride=2, padding=1)
    repeated = Convolution(torch.randn(1, 3, 3, 3).repeat(64, 1, 1, 1), (3, 12, 12), padding=1)
    assert not injective(few) and not injective(repeated)


def mean_off(*dims: int) -> Summed:
    def mean(x: Tensor) -> Tensor:
        return x.mean(dims, keepdim=True)

    numbers = torch.arange(torch.Size(IMAGE).numel()).view(1, *IMAGE)
    small = LinearFunction(mean, IMAGE)
    spread = Gather(
        torch.arange(torch.Size(small.output_shape).numel()).view(small.output_shape).expand(IMAGE), small.output_shape
    )
    assert numbers.numel() == columns(small)
    minus = LinearFunction(lambda x: -x, IMAGE)
    return Summed([Composed([reshaping(IMAGE, IMAGE)]), Composed([small, spread, minus])])


@pytest.mark.parametrize("dims", [(1, 2, 3), (2, 3)])
@pytest.mark.parametrize("filters", [5, 48])
def test_a_photo_less_its_mean_is_projected_exactly(dims: tuple[int, ...], filters: int) -> None:
    torch.manual_seed(0)
    layer = Convolution(torch.randn(filters, 3, 4, 4), IMAGE, stride=4)
    projection = projector(Composed([mean_off(*dims), layer]))
    assert isinstance(projection, LowRank)
    check(projection)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 3), st.booleans(), st.integers(0, 99))
def test_any_small_correction_is_projected_exactly(rank: int, cancels: bool, seed: int) -> None:
    """Also where I + U V^T loses a direction, or gives one back that A ignores."""
    torch.manual_seed(seed)
    u, v = torch.randn(2, 20, rank, dtype=torch.float64)
    if cancels:
        u = -v @ torch.linalg.inv(v.T @ v)
    change = Composed([Matrix(v.T, (20,)), Matrix(u, (rank,))])
    whole = Composed([Summed([reshaping((20,), (20,)), change]), Matrix(torch.randn(8, 20), (20,))])
    projection = projector(whole)
    assert isinstance(projection, LowRank)
    check(projection)


def test_what_follows_a_layer_at_each_position_goes_into_it() -> None:
    torch.manual_seed(0)
    layer = Convolution(torch.randn(6, 3, 4, 4), IMAGE, stride=4)
    centre = torch.eye(6, dtype=torch.float64) - 1 / 6
    turned = Gather(torch.arange(24).view(6, 4).T, (6, 2, 2))
    chain = Composed([layer, turned, LinearFunction(lambda x: x @ centre, (4, 6))])
    simple = simplified(chain)
    assert isinstance(simple, Convolution) and simple.output_shape == (5, 2, 2)
    rows = torch.cat([to_matrix(simple), to_matrix(chain)])
    assert int(torch.linalg.matrix_rank(rows)) == int(torch.linalg.matrix_rank(to_matrix(chain))) == 20
    mixed = Composed([layer, LinearFunction(lambda x: x + x.roll(1, 2), (6, 2, 2))])
    assert isinstance(simplified(mixed), Composed)


def test_rows_that_another_operation_has_are_told() -> None:
    torch.manual_seed(0)
    wide, other = Matrix(torch.randn(5, 9), (9,)), Matrix(torch.randn(5, 9), (9,))
    within = Matrix(torch.randn(3, 5).double() @ wide.weight, (9,))
    assert contains(projector(wide), within) and not contains(projector(within), wide)
    assert not contains(projector(wide), other)


def test_a_rank_in_doubt_is_not_told() -> None:
    values = torch.tensor([1.0, 1e-3, 1e-9], dtype=torch.float64)
    assert gram_rank(Matrix(torch.diag(values), (3,))) is None
    assert gram_rank(Matrix(torch.diag(values * torch.tensor([1, 1, 0])), (3,))) == 2


@pytest.mark.parametrize("shape", [(6, 90), (90, 6)])
def test_rows_are_seen_to_be_independent_in_a_sample_only_where_they_are(shape: tuple[int, int]) -> None:
    weight = torch.randn(*shape, dtype=torch.float64)
    assert gram_rank(Matrix(weight, (shape[1],))) == 6
    few = weight if shape[0] == 6 else weight.T  # a view: both change
    few[5] = few[0] - few[1]
    assert gram_rank(Matrix(weight, (shape[1],))) == 5
