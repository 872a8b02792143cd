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
    LinearOperator,
    Matrix,
    Resize,
    Stacked,
    crop,
    patch_embedding,
    reshaping,
)
from guise.harmless.projection import (
    Banded,
    Blocks,
    ConjugateGradients,
    Dense,
    Fourier,
    Projector,
    SelectionProjector,
    leakage,
    projector,
)
from guise.harmless.projection.banded import bandable
from guise.harmless.projection.blocks import splits
from guise.harmless.projection.fourier import circulant
from guise.harmless.projection.iterative import solve
from tests.harmless.layers import convolutions
from tests.harmless.oracle import dense_oracle, random_input

EXACT = 1e-10


def check(projection: Projector, *, tolerance: float = EXACT) -> None:
    """As the oracle projects, with its rank; of the operator that the projector was made for."""
    matrix, rank = dense_oracle(projection.operator)
    v = random_input(projection.operator)
    expected = v.flatten(1) @ matrix
    error = (projection.null(v).flatten(1) - expected).norm(dim=1) / v.flatten(1).norm(dim=1)
    assert float(error.max()) < tolerance
    if projection.rank is not None:
        assert projection.rank == rank


@settings(max_examples=120, deadline=None)
@given(convolutions())
def test_every_structured_projector_is_the_oracles(pair: tuple[nn.Module, Convolution]) -> None:
    operator = pair[1]
    check(Dense(operator))
    check(ConjugateGradients(operator), tolerance=1e-9)
    if splits(operator):
        check(Blocks(operator))
    if circulant(operator):
        check(Fourier(operator))
    if bandable(operator):
        check(Banded(operator))


@st.composite
def rings(draw: st.DrawFn) -> Convolution:
    """Circular padding that goes round once."""
    kernel = [draw(st.integers(1, 4)) for _ in range(2)]
    stride = [draw(st.integers(1, 3)) for _ in range(2)]
    size = [step * draw(st.integers(3, 4)) for step in stride]
    padding = []
    for k, s in zip(kernel, stride, strict=True):
        before = draw(st.integers(0, 2))
        padding.append((before, max(0, k - s - before)))
    groups, inner, outer = draw(st.sampled_from((1, 2))), draw(st.integers(1, 3)), draw(st.integers(1, 4))
    torch.manual_seed(draw(st.integers(0, 99)))
    weight = torch.randn(groups * outer, inner, *kernel)
    return Convolution(weight, (groups * inner, *size), stride=stride, padding=padding, groups=groups, mode="circular")


@settings(max_examples=80, deadline=None)
@given(rings())
def test_rings_are_the_oracles(operator: Convolution) -> None:
    if circulant(operator):
        check(Fourier(operator))
        assert isinstance(projector(operator), (Fourier, Blocks))
    else:  # a step too many or too few: not a ring after all
        check(projector(operator))


@pytest.mark.parametrize(("outputs", "side"), [(11, 12), (11, 16), (12, 12), (10, 16), (13, 12)])
def test_nearly_square_convolutions_are_the_oracles(outputs: int, side: int) -> None:
    """11 measurements against 12 values: conditions of 1e6 and more."""
    torch.manual_seed(0)
    zeros = Convolution(torch.randn(outputs, 3, 3, 3), (3, side, side), stride=2, padding=1)
    check(Banded(zeros))
    check(projector(zeros))
    ring = Convolution(zeros.weight, zeros.input_shape, stride=2, padding=1, mode="circular")
    check(Fourier(ring))


def test_a_badly_conditioned_convolution_too_large_to_write_out_is_projected_to_rounding() -> None:
    torch.manual_seed(0)
    operator = Convolution(torch.randn(11, 3, 3, 3), (3, 48, 48), stride=2, padding=1)
    projection = projector(operator)
    assert isinstance(projection, Banded)
    v = random_input(operator)
    assert leakage(projection, v) < 1e-15
    null = projection.null(v)
    assert float((projection.null(null) - null).norm() / v.norm()) < 1e-12
    assert float(null.norm() / v.norm()) == pytest.approx((1 / 12) ** 0.5, rel=0.1)


def matrix(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


IMAGE = (3, 12, 12)
EVERY = torch.arange(3 * 144).view(IMAGE)
TO_PATCHES = Gather(EVERY.view(3, 3, 4, 3, 4).permute(1, 3, 0, 2, 4).reshape(9, 48), IMAGE)
GREY = Convolution(torch.tensor([0.3, 0.6, 0.1]).view(1, 3, 1, 1).repeat(3, 1, 1, 1), IMAGE)
TWO_OF_THREE = Convolution((matrix(3, 2) @ matrix(2, 3)).view(3, 3, 1, 1), IMAGE)


@pytest.mark.parametrize(
    ("operator", "kind"),
    [
        (Matrix(matrix(5, 12), IMAGE), Blocks),
        (Matrix(matrix(40, 432), IMAGE), Blocks),
        (Matrix(matrix(20, 12), IMAGE), Blocks),
        (patch_embedding(matrix(7, 3, 4, 4), IMAGE), Blocks),
        (patch_embedding(matrix(7, 3, 5, 5), IMAGE), Blocks),
        (Convolution(matrix(4, 3, 2, 2), IMAGE, stride=3), Blocks),
        (Composed([TO_PATCHES, Matrix(matrix(9, 48), (9, 48))]), SelectionProjector),
        (Composed([reshaping(IMAGE, (432,)), Matrix(matrix(9, 432), (432,))]), Blocks),
        (Composed([crop(IMAGE, 8, 8), patch_embedding(matrix(7, 3, 4, 4), (3, 8, 8))]), SelectionProjector),
        (Composed([Resize(IMAGE, 8, 8), patch_embedding(matrix(7, 3, 4, 4), (3, 8, 8))]), Dense),
        (Composed([GREY, Convolution(matrix(2, 3, 3, 3), IMAGE, stride=2, padding=1)]), SelectionProjector),
        (Composed([TWO_OF_THREE, Convolution(matrix(5, 3, 3, 3), IMAGE, padding=1)]), SelectionProjector),
        (Stacked([Matrix(matrix(2, 12), IMAGE), patch_embedding(matrix(3, 3, 6, 6), IMAGE)]), Dense),
        (Gather(torch.tensor([3, 3, -1, 9]), IMAGE), None),
    ],
)
def test_projector_chosen_for_a_structure_is_the_oracles(operator: LinearOperator, kind: type | None) -> None:
    projection = projector(operator)
    assert kind is None or isinstance(projection, kind)
    check(projection)


def test_rank_deficient_weights_are_noticed() -> None:
    weight = matrix(7, 3, 4, 4)
    weight[3] = weight[1] - 2 * weight[5]
    weight[6] = 0
    projection = projector(patch_embedding(weight, IMAGE))
    assert projection.rank == 5 * 9
    check(projection)
    check(Banded(Convolution(weight, IMAGE, stride=2, padding=1)))
    ring = Fourier(Convolution(weight, IMAGE, stride=2, padding=[(1, 1), (1, 1)], mode="circular"))
    assert ring.rank == 5 * 36
    check(ring)


@pytest.mark.parametrize("kind", [Blocks, Dense, ConjugateGradients, Banded])
def test_single_precision_stays_single_and_is_near(kind: type[Projector]) -> None:
    operator = patch_embedding(matrix(7, 3, 4, 4), IMAGE)
    v = random_input(operator)
    projection = kind(operator)  # type: ignore[call-arg]
    single = projection.null(v.float())
    assert single.dtype == torch.float32
    torch.testing.assert_close(single.double(), projection.null(v), rtol=0, atol=1e-5)


def test_projectors_refuse_what_has_not_their_structure() -> None:
    operator = Convolution(matrix(4, 3, 3, 3), IMAGE, stride=2, padding=1)
    with pytest.raises(ValueError, match="blocks"):
        Blocks(operator)
    with pytest.raises(ValueError, match="circular"):
        Fourier(operator)
    with pytest.raises(ValueError, match="zero padding"):
        Banded(Convolution(matrix(4, 3, 3, 3), IMAGE, padding=1, mode="reflect"))


def test_plain_conjugate_gradients_solve_what_has_a_solution_and_stop_when_told() -> None:
    root = torch.randn(6, 9, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    singular = root.T @ root  # of rank 6 of 9
    b = singular @ torch.ones(9, dtype=torch.float64)
    asked = []

    def apply(v: torch.Tensor) -> torch.Tensor:
        asked.append(1)
        return singular @ v

    z = solve(apply, b, iterations=20, tolerance=1e-10)
    assert float((singular @ z - b).norm() / b.norm()) < 1e-9 and 6 <= len(asked) <= 10
    asked.clear()
    rough = solve(apply, b, iterations=20, tolerance=0.3)
    assert float((singular @ rough - b).norm() / b.norm()) <= 0.3 and len(asked) < 5
    assert not solve(apply, torch.zeros_like(b), iterations=5).any()
