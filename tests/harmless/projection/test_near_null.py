from __future__ import annotations

import pytest
import torch
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from guise.harmless.operators import Convolution, LinearOperator, Matrix, Resize, patch_embedding, to_matrix
from guise.harmless.projection import NearNull, projector
from guise.harmless.projection import near_null as module
from guise.models.errors import InputError
from tests.harmless.oracle import random_input

torch.manual_seed(0)
SMOOTH = torch.randn(12, 3, 4, 4, dtype=torch.float64) * torch.logspace(0, -3, 4)
PATCHES = patch_embedding(torch.cat([SMOOTH] * 5), (3, 9, 8))
DENSE = Matrix(torch.randn(40, 30) @ torch.diag(torch.logspace(0, -5, 30)), (30,))


@pytest.mark.parametrize("operator", [PATCHES, DENSE], ids=["patches", "dense"])
@pytest.mark.parametrize("bound", [0.003, 0.1])
def test_it_is_the_span_of_small_right_singular_vectors(operator: LinearOperator, bound: float) -> None:
    projection = NearNull(operator, bound)
    _, values, right = torch.linalg.svd(to_matrix(operator))
    small = right[int((values > bound * values[0]).sum()) :]
    v = random_input(operator)
    expected = (v.flatten(1) @ small.T) @ small
    torch.testing.assert_close(projection.null(v).flatten(1), expected, rtol=0, atol=1e-9)
    assert projection.rank == right.shape[1] - len(small)


@settings(max_examples=25, deadline=None)
@given(st.data())
def test_tiles_keep_the_bound_however_kernels_cross_them(data: st.DataObject) -> None:
    draw = lambda low, high: data.draw(st.integers(low, high))  # noqa: E731
    kernel, stride, padding, dilation = draw(2, 5), draw(1, 3), draw(0, 3), draw(1, 2)
    weight = torch.randn(draw(3, 9), 2, kernel, kernel, dtype=torch.float64) * torch.logspace(0, -2, kernel)
    side = (draw(13, 20), draw(13, 20))
    operator = Convolution(weight, (2, *side), stride=stride, padding=padding, dilation=dilation)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "small", lambda _: False)
        patch.setattr(module, "_TILE_ENTRIES", draw(20, 100))
        try:
            projection = NearNull(operator, 0.3)
        except InputError:  # filters that shrink nothing so much
            reject()
    v = random_input(operator)
    null = projection.null(v)
    torch.testing.assert_close(projection.null(null), null)  # a projection
    largest = float(torch.linalg.matrix_norm(to_matrix(operator), 2))
    shrunk = operator.matvec(null).flatten(1).norm(dim=1) / null.flatten(1).norm(dim=1)
    assert float(shrunk.max()) <= 0.3 * largest * (1 + 1e-9)
    # The worst direction that can come out, not just random ones.
    basis = projection.null(torch.eye(v[0].numel(), dtype=torch.float64).reshape(-1, *operator.input_shape))
    worst = torch.linalg.matrix_norm(operator.matvec(basis).flatten(1), 2)
    assert float(worst) <= 0.3 * largest * (1 + 1e-9)


def test_without_such_directions_or_structure_it_is_refused() -> None:
    with pytest.raises(InputError, match="at best to 1; raise `approximate=`"):
        NearNull(Matrix(torch.eye(5), (5,)), 0.5)
    with pytest.raises(InputError, match=r"`approximate=1\.5` is no share"):
        NearNull(DENSE, 1.5)
    with pytest.raises(InputError, match="non_linear=True"):
        NearNull(Resize((3, 64, 64), 60, 60), 0.1)


def test_an_exact_null_space_is_part_of_it() -> None:
    operator = patch_embedding(torch.randn(5, 3, 4, 4), (3, 9, 8))
    v = projector(operator).null(random_input(operator))
    torch.testing.assert_close(NearNull(operator, 1e-6).null(v), v)
