from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from torch import nn
from torch.nn import functional as F
from torchvision.transforms import v2

from guise.harmless.operators import (
    Composed,
    Convolution,
    Gather,
    LinearFunction,
    LinearOperator,
    Matrix,
    Resize,
    Scale,
    Stacked,
    average_pooling,
    channel_mix,
    crop,
    greyscale,
    reshaping,
    simplified,
    to_matrix,
)
from tests.harmless.layers import convolutions
from tests.harmless.oracle import random_input

torch.manual_seed(0)
IMAGE = (3, 8, 10)


def check_adjoint(operator: LinearOperator) -> None:
    x = random_input(operator)
    y = torch.randn(2, *operator.output_shape, dtype=torch.float64)
    forward, back = (operator.matvec(x) * y).sum(), (x * operator.rmatvec(y)).sum()
    torch.testing.assert_close(forward, back, rtol=0, atol=1e-11 * float(x.norm() * y.norm() + 1))


@settings(max_examples=150, deadline=None)
@given(convolutions())
def test_convolution_is_the_layers_and_has_its_adjoint(pair: tuple[nn.Module, Convolution]) -> None:
    layer, operator = pair
    x = random_input(operator)
    assert operator.output_shape == layer(x).shape[1:]
    torch.testing.assert_close(operator.matvec(x), layer(x))
    check_adjoint(operator)


def test_linear_layers_read_the_last_axis_or_everything() -> None:
    layer = nn.Linear(10, 4, bias=False).double()
    operator = Matrix(layer.weight, IMAGE)
    x = random_input(operator)
    torch.testing.assert_close(operator.matvec(x), layer(x))
    check_adjoint(operator)
    whole = nn.Linear(240, 7, bias=False).double()
    operator = Matrix(whole.weight, IMAGE)
    torch.testing.assert_close(operator.matvec(x)[:, 0], whole(x.flatten(1)))
    check_adjoint(operator)
    with pytest.raises(ValueError, match="7 x 9"):
        Matrix(torch.zeros(7, 9), IMAGE)


@pytest.mark.parametrize(
    ("operator", "expected"),
    [
        (average_pooling(IMAGE, kernel=3, stride=2, padding=1), nn.AvgPool2d(3, 2, 1)),
        (average_pooling((4, 9), kernel=2, stride=3), nn.AvgPool1d(2, 3)),
        (Resize(IMAGE, 5, 4), v2.Resize((5, 4), antialias=True)),
        (Resize(IMAGE, 13, 17, antialias=False), lambda x: F.interpolate(x, (13, 17), mode="bilinear")),
        (crop(IMAGE, 5, 7), v2.CenterCrop((5, 7))),
        (greyscale(IMAGE, copies=3), v2.Grayscale(3)),
        (Scale(torch.tensor([1.0, 2, 3]).view(3, 1, 1), IMAGE), lambda x: x * torch.tensor([1, 2, 3]).view(3, 1, 1)),
        (reshaping(IMAGE, (24, 10)), lambda x: x.reshape(-1, 24, 10)),
        (LinearFunction(lambda x: x.cumsum(1), IMAGE), lambda x: x.cumsum(1)),
    ],
)
def test_preprocessing_is_what_torch_does(operator: LinearOperator, expected: nn.Module) -> None:
    x = random_input(operator)
    torch.testing.assert_close(operator.matvec(x), expected(x))
    check_adjoint(operator)


def test_crop_larger_than_its_input_is_refused() -> None:
    with pytest.raises(ValueError, match="8x10 is smaller than the crop of 9x9"):
        crop(IMAGE, 9, 9)


def test_gather_copies_and_fills_with_zeros() -> None:
    operator = Gather(torch.tensor([5, -1, 5, 0]), (2, 3))
    assert operator.matvec(torch.arange(1.0, 7).view(1, 2, 3)).tolist() == [[6, 0, 6, 1]]
    assert operator.read.tolist() == [[True, False, False], [False, False, True]]
    check_adjoint(operator)


def test_stacking_and_composing_are_what_matrices_do() -> None:
    first, second = Convolution(torch.randn(4, 3, 3, 3), IMAGE, stride=2), greyscale(IMAGE)
    both = Stacked([first, second])
    torch.testing.assert_close(to_matrix(both), torch.cat([to_matrix(first), to_matrix(second)]))
    then = average_pooling(first.output_shape, kernel=2, stride=1)
    chain = Composed([first, then])
    torch.testing.assert_close(to_matrix(chain), to_matrix(then) @ to_matrix(first))
    check_adjoint(both)
    check_adjoint(chain)
    with pytest.raises(ValueError, match="does not fit"):
        Composed([first, second])
    with pytest.raises(ValueError, match="one tensor"):
        Stacked([first, then])


FLIP = Gather(torch.arange(240).view(IMAGE).flip(0), IMAGE)
CONVOLUTION = Convolution(torch.randn(5, 3, 3, 3), IMAGE, stride=2, padding=1)
PADDED = Gather(torch.nn.functional.pad(torch.arange(240).view(IMAGE), (0, 1, 0, 2), value=-1), IMAGE)


@pytest.mark.parametrize(
    "operator",
    [
        Composed([FLIP, Scale(torch.rand(3, 1, 1) + 0.1, IMAGE), CONVOLUTION]),
        Composed([greyscale(IMAGE, copies=3), CONVOLUTION]),
        Composed(
            [Scale(torch.rand(3, 1, 1) + 0.1, IMAGE), PADDED, Convolution(torch.randn(5, 3, 3, 3), PADDED.output_shape)]
        ),
        Composed([CONVOLUTION, channel_mix(torch.randn(4, 5), CONVOLUTION.output_shape)]),
        Stacked([CONVOLUTION, Gather(torch.arange(240).view(IMAGE)[:, ::2, ::2], IMAGE)]),
        Stacked([Convolution(torch.randn(2, 3, 5, 3), IMAGE, stride=2, padding=(2, 1)), CONVOLUTION]),
        Stacked(
            [
                Convolution(torch.randn(2, 1, 1, 1), (1, 7, 7), stride=2),
                average_pooling((1, 7, 7), kernel=2, stride=2, padding=1),
            ]
        ),
    ],
)
def test_what_simplifies_to_one_convolution_keeps_its_null_space(operator: LinearOperator) -> None:
    simple = simplified(operator)
    assert isinstance(simple, Convolution)
    a, b = to_matrix(operator), to_matrix(simple)
    rank = torch.linalg.matrix_rank
    assert rank(a) == rank(b) == rank(torch.cat([a, b]))


def test_what_is_injective_at_the_end_goes_and_what_is_not_stays() -> None:
    assert simplified(Composed([CONVOLUTION, reshaping(CONVOLUTION.output_shape, (100,))])) is CONVOLUTION
    cut = Composed([CONVOLUTION, Gather(torch.arange(50), CONVOLUTION.output_shape)])
    assert isinstance(simplified(cut), Composed)
    flattened = Composed([reshaping(IMAGE, (240,)), Matrix(torch.randn(9, 240), (240,))])
    assert isinstance(simplified(flattened), Matrix)
    longer = Composed([*flattened.steps, Gather(torch.arange(4), (9,))])
    shorter, whole = to_matrix(simplified(longer)), to_matrix(longer)
    assert shorter.shape == whole.shape and int(torch.linalg.matrix_rank(torch.cat([shorter, whole]))) == len(whole)
