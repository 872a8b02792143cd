from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from torch import nn

from guise.harmless.nullity import Nullity, by_counting, nullity, within
from guise.harmless.operators import (
    Composed,
    Convolution,
    Gather,
    Matrix,
    Resize,
    columns,
    patch_embedding,
    rows,
    to_matrix,
)
from guise.harmless.operators.base import unread_entries
from guise.harmless.projection import ConjugateGradients, projector
from tests.harmless.layers import convolutions
from tests.harmless.oracle import dense_oracle


@settings(max_examples=150, deadline=None)
@given(convolutions(modes=("zeros", "circular")))
def test_counting_gives_the_nullity_that_the_oracle_measures(pair: tuple[nn.Module, Convolution]) -> None:
    operator = pair[1]
    _, rank = dense_oracle(operator)
    size = nullity(projector(operator))
    assert size.measured == columns(operator) - rank
    assert size.formula <= size.measured
    if all(axis.disjoint for axis in operator.axes):  # else outputs at borders, and filters that commute, may repeat
        assert size.formula == size.measured
    assert size.unread == int((to_matrix(operator) == 0).all(0).sum())


@pytest.mark.parametrize(
    ("weight", "side", "stride", "padding"),
    [
        ((11, 3, 3, 3), 12, 2, 1),  # 11 against 12
        ((3, 3, 1, 1), 9, 2, 0),  # whole rows and columns are never read
        ((8, 3, 3, 3), 11, 2, 0),
        ((2, 3, 3, 3), 10, 1, 0),
        ((64, 3, 7, 7), 16, 2, 3),
    ],
)
def test_one_formula_serves_all_connected_layers(weight: tuple[int, ...], side: int, stride: int, padding: int) -> None:
    """C_in * pixels never read + max(0, entries read - m), as the paper's condition n > m refines to."""
    torch.manual_seed(1)
    operator = Convolution(torch.randn(weight), (3, side, side), stride=stride, padding=padding)
    size = nullity(projector(operator))
    assert size.formula == size.unread + max(0, size.n - size.unread - size.m) == size.measured
    assert size.unread % 3 == 0 and size.m == rows(operator)


def test_estimate_of_what_is_too_large_to_decompose_is_right_within_its_deviation(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    torch.manual_seed(0)
    filters = torch.randn(4, 3, 3, 3)  # twice, so that no order of the windows shows the rank
    operator = Convolution(torch.cat([filters, filters]), (3, 16, 16), stride=2, padding=1)
    exact = nullity(projector(operator))
    assert nullity(ConjugateGradients(operator)).measured == exact.measured  # by A A^T, which is small here
    monkeypatch.setattr("guise.harmless.projection.gram._MOST", 100)
    estimate = nullity(ConjugateGradients(operator))
    assert estimate.measured is None and estimate.estimated is not None and estimate.deviation is not None
    assert exact.measured == 512 and abs(estimate.estimated - 512) < 4 * estimate.deviation < 200
    assert estimate.best == round(estimate.estimated)


def test_no_more_comes_through_than_through_the_narrowest_step() -> None:
    wide = Convolution(torch.randn(64, 3, 3, 3), (3, 8, 8), padding=1)
    assert by_counting(wide) == 0 and by_counting(Composed([Resize((3, 16, 16), 8, 8), wide])) == 3 * (256 - 64)
    grey = Convolution(torch.ones(3, 3, 1, 1), (3, 8, 8))
    assert by_counting(Composed([grey, wide])) == 2 * 64
    turned = Gather(torch.arange(192).flip(0).view(3, 64), (3, 8, 8))
    assert by_counting(Composed([grey, turned, Matrix(torch.randn(192, 192), (3, 64), (192,))])) == 2 * 64
    line = Convolution(torch.randn(4, 8, 1), (8, 16))
    assert by_counting(Composed([line, Convolution(torch.randn(6, 4, 3), (4, 16))])) == 4 * 16


def test_measurements_of_padding_alone_do_not_count() -> None:
    operator = Convolution(torch.ones(1, 2, 1, 1), (2, 3, 3), padding=1)
    assert rows(operator) == 25 > 18 and by_counting(operator) == 9
    assert nullity(projector(operator)).measured == 9


def test_unread_entries_of_other_operators() -> None:
    assert by_counting(Gather(torch.tensor([0, 0, 7]), (3, 4))) == 10
    assert by_counting(Matrix(torch.randn(2, 5), (4, 5))) == 12
    assert int(unread_entries(patch_embedding(torch.randn(1, 3, 4, 4), (3, 9, 9))).sum()) == 3 * 17
    assert not unread_entries(Resize((1, 8, 8), 4, 4)).any()


def test_a_joint_nullity_stays_within_the_bounds_of_its_parts() -> None:
    def size(measured: int | None, estimated: float | None = None) -> Nullity:
        return Nullity(100, 90, 0, 10, measured, estimated, None if estimated is None else 5.0)

    assert within(size(None, 44.0), [size(40), size(70)]).best == 40
    assert within(size(None, 3.0), [size(40), size(70)]).best == 10  # 100 - 60 - 30
    assert within(size(None, 3.0), [size(0), size(70)]).measured == 0
    assert within(size(None, 50.0), [size(None, 60.0), size(70)]).estimated == 50
    assert within(size(7), [size(40), size(70)]).measured == 7


def test_an_estimate_is_never_below_what_counting_leaves() -> None:
    chain = [
        Convolution(torch.randn(24, 3, 4, 4), (3, 64, 64), stride=4),
        Convolution(torch.eye(24)[..., None, None], (24, 16, 16)),
    ]

    class Nothing:
        """A projection that errs to zero."""

        operator, method = Composed(chain), "none"
        singular_values = rank = None

        def null(self, v: torch.Tensor) -> torch.Tensor:
            return torch.zeros_like(v)

    size = nullity(Nothing())
    assert size.measured is None and size.estimated == size.formula == 3 * 64 * 64 - 24 * 256
