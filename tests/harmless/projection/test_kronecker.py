"""Sums over the windows of a layer, against the dense oracle."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from guise.harmless.operators import Composed, Convolution, LinearFunction, LinearOperator, Matrix
from guise.harmless.projection import projector
from guise.harmless.projection.kronecker import Kronecker, kronecker
from tests.harmless.oracle import dense_oracle, random_input


def patches(filters: int = 7) -> Convolution:
    return Convolution(
        torch.randn(filters, 3, 2, 2, dtype=torch.float64), (3, 7, 6), stride=2
    )  # the last row is unread


def words() -> Matrix:
    return Matrix(torch.randn(7, 5, dtype=torch.float64), (9, 5))


def behind(layer: Convolution | Matrix, function: Callable[[Tensor], Tensor]) -> Composed:
    """The function of (N, windows, channels)."""

    def run(x: Tensor) -> Tensor:
        return function(x if isinstance(layer, Matrix) else x.flatten(2).mT)

    return Composed([layer, LinearFunction(run, layer.output_shape)])


def check(operator: LinearOperator) -> None:
    projection = projector(operator)
    assert isinstance(projection, Kronecker)
    matrix, rank = dense_oracle(operator)
    v = random_input(operator)
    torch.testing.assert_close(projection.null(v), (v.flatten(1) @ matrix.T).view_as(v), rtol=1e-9, atol=1e-9)
    assert projection.rank == rank
    torch.testing.assert_close(projection.null(v.float()), projection.null(v).float(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layer", [patches, words])
def test_sums_over_windows_are_projected_exactly(layer: Callable[[], Convolution | Matrix]) -> None:
    check(behind(layer(), lambda x: x.mean(1)))
    weights = torch.randn(9, 3, dtype=torch.float64)
    weights[:, 2] = weights[:, 0] - weights[:, 1]  # tells nothing new
    check(behind(layer(), lambda x: (x.mT @ weights.to(x)).flatten(1)))


def test_filters_that_depend_on_one_another_count_once() -> None:
    layer = patches()
    weight = layer.weight.clone()
    weight[3] = weight[0] + 2 * weight[1]
    check(behind(Convolution(weight, layer.input_shape, stride=2), lambda x: x[:, 1:].sum(1)))


def test_the_spectrum_is_that_of_the_whole_matrix() -> None:
    weights = torch.randn(9, 2, dtype=torch.float64)
    operator = behind(patches(), lambda x: x.mT @ weights.to(x))
    values = projector(operator).singular_values
    written = torch.linalg.svdvals(torch.stack([operator.matvec(row[None]).flatten() for row in _unit(operator)]).T)
    assert values is not None
    torch.testing.assert_close(values, written[: len(values)])


@pytest.mark.parametrize(
    "function",
    [
        lambda x: x.cumsum(2).mean(1),  # mixes channels
        lambda x: torch.cat([x[:, :5].sum(1)[:, :3], x[:, 5:].sum(1)[:, 3:]], 1),  # other windows for some channels
        lambda x: x[:, :, :4].sum(1),  # leaves channels out
    ],
)
def test_what_treats_channels_differently_is_left_to_others(function: Callable[[Tensor], Tensor]) -> None:
    operator = behind(patches(), function)
    assert kronecker(operator) is None
    assert projector(operator).rank in (None, dense_oracle(operator)[1])


def _unit(operator: LinearOperator) -> Tensor:
    size = torch.Size(operator.input_shape)
    return torch.eye(size.numel(), dtype=torch.float64).view(-1, *size)
