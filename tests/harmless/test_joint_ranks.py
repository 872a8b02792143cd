"""Joint null spaces of random networks with branches, against a dense SVD of all that their branches read."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from guise.harmless.inspection import inspect_trace
from guise.harmless.operators import to_matrix
from guise.harmless.projection import choice
from guise.harmless.tracing import trace

SHAPE = (3, 12, 12)


class Branches(nn.Module):
    """Each branch reads the photo; what a branch mixes of another's filters, its rows hold already."""

    def __init__(self, branches: list[tuple[str, int, int]], mixed: bool) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.parts = nn.ModuleList([self._branch(*branch) for branch in branches])
        if mixed:
            first = self.parts[0]
            filters = first(torch.zeros(1, *SHAPE)).shape[1]
            self.parts.append(nn.Sequential(first, nn.Conv2d(filters, 2, 1, bias=False)))

    @staticmethod
    def _branch(kind: str, filters: int, size: int) -> nn.Module:
        if kind == "patches":
            return nn.Conv2d(3, filters, size, size)
        if kind == "padded":
            return nn.Conv2d(3, filters, size, size, padding=1)
        if kind == "overlapping":
            return nn.Conv2d(3, filters, size + 1, size, padding=size // 2)
        if kind == "few":  # of low rank in its channels
            return nn.Sequential(nn.Conv2d(3, 1, 1, bias=False), nn.Conv2d(1, filters, size, size))
        return nn.AvgPool2d(size)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([part(x).relu().flatten(1) for part in self.parts], 1)


BRANCHES = st.tuples(
    st.sampled_from(["patches", "padded", "overlapping", "few", "mean"]), st.integers(1, 9), st.sampled_from([2, 3, 4])
)


@pytest.mark.parametrize("written_out", [True, False])
@settings(max_examples=25, deadline=None, derandomize=True)
@given(branches=st.lists(BRANCHES, min_size=2, max_size=3), mixed=st.booleans())
def test_joint_ranks_are_those_of_a_dense_decomposition(
    written_out: bool, branches: list[tuple[str, int, int]], mixed: bool
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        if not written_out:  # as with large photos, whose matrices are not decomposed
            patch.setattr(choice, "small", lambda _: False)
        read = trace(Branches(branches, mixed).eval(), SHAPE)
        spaces = inspect_trace(read)
    matrices = [to_matrix(part.operator).numpy() for part in read.parts]
    n = matrices[0].shape[1]
    for space, matrix in zip(spaces, [*matrices, np.concatenate(matrices)], strict=len(matrices) > 1):
        nullity = n - int(np.linalg.matrix_rank(matrix))
        assert space.size.measured == nullity
        assert space.size.formula <= nullity  # counting gives a lower bound
    assert spaces[-1].size.best <= min(space.size.best for space in spaces)
