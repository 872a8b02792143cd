from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from guise.harmless.adapters.subspace import AlignedSubspace, share

torch.manual_seed(0)
BASE = torch.randn(12, 20)
A, B = torch.randn(3, 20), torch.randn(12, 3)


def test_an_alignment_in_one_direction_keeps_that_direction() -> None:
    """V = s u v^T gives s u u^T dW for the paper's projection and u u^T dW for the true one."""
    u, v, s = (
        torch.nn.functional.normalize(torch.randn(12), dim=0),
        torch.nn.functional.normalize(torch.randn(20), dim=0),
        7.0,
    )
    aligned = BASE + s * torch.outer(u, v)
    expected = torch.outer(u, u) @ B
    torch.testing.assert_close(AlignedSubspace(BASE, aligned).project(B).float(), expected, rtol=1e-4, atol=1e-5)
    paper = AlignedSubspace(BASE, aligned, projection="paper").project(B).float()
    torch.testing.assert_close(paper, s * expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("projection", ["orthogonal", "paper"])
def test_an_alignment_that_turns_all_directions_alike_keeps_the_layer(projection: str) -> None:
    base, turn = torch.randn(12, 12), torch.linalg.qr(torch.randn(12, 12))[0]
    space = AlignedSubspace(base, base + 3 * turn, projection=projection)  # type: ignore[arg-type]
    a = torch.randn(3, 12)
    assert share(a, B, space.project(B)).cosine == pytest.approx(1, abs=1e-6)
    scale = 1 if projection == "orthogonal" else 3 / math.sqrt(12)
    torch.testing.assert_close(space.project(B).float(), scale * B, rtol=1e-4, atol=1e-5)


@settings(max_examples=40, deadline=None)
@given(
    st.integers(2, 9), st.integers(2, 9), st.integers(1, 9), st.integers(0, 99), st.sampled_from([None, 0.5, 0.9, 1.0])
)
def test_the_true_projection_equals_the_dense_one_and_is_idempotent(
    out: int, inner: int, rank: int, seed: int, energy: float | None
) -> None:
    torch.manual_seed(seed)
    base = torch.randn(out, inner, dtype=torch.float64)
    change = torch.randn(out, rank, dtype=torch.float64) @ torch.randn(rank, inner, dtype=torch.float64)
    b = torch.randn(out, 3, dtype=torch.float64)
    space = AlignedSubspace(base.float(), (base + change).float(), energy=energy)
    left, values, _ = torch.linalg.svd(change)
    if energy is None:
        kept = min(out, inner, rank)
        if float(values[kept - 1]) < 1e-2:
            return  # a direction close to rounding
    else:
        kept = int((values.square().cumsum(0) < energy * (1 - 1e-9) * values.square().sum()).sum()) + 1
        kept = min(kept, min(out, inner, rank))
        if kept < len(values) and float(values[kept - 1] - values[kept]) < 1e-2:
            return  # two directions alike
    if energy == 1.0:
        assert space.rank is not None and space.rank >= kept
    else:
        assert space.rank == kept
        torch.testing.assert_close(space.project(b), left[:, :kept] @ left[:, :kept].T @ b, rtol=1e-3, atol=1e-3)
    once = space.project(b)
    torch.testing.assert_close(space.project(once), once, rtol=1e-6, atol=1e-6)


def test_what_rounding_leaves_does_not_count_as_a_direction() -> None:
    u, v = torch.randn(64), torch.randn(96)
    base = 0.02 * torch.randn(64, 96)
    for dtype in (torch.float32, torch.bfloat16, torch.float16):
        aligned = (base + torch.outer(u, v)).to(dtype)
        assert AlignedSubspace(base.to(dtype), aligned).rank == 1


def test_shares_are_those_of_the_updates_written_out() -> None:
    aligned = BASE + torch.randn(12, 4) @ torch.randn(4, 20)
    inside = AlignedSubspace(BASE, aligned).project(B)
    whole, part = (B @ A).double(), inside @ A.double()
    measured = share(A, B, inside)
    assert measured.cosine == pytest.approx(float((whole * part).sum() / whole.norm() / part.norm()), abs=1e-6)
    assert measured.energy == pytest.approx(float(part.norm() / whole.norm()) ** 2, abs=1e-6)
    assert measured.energy == pytest.approx(measured.cosine**2, abs=1e-6)


def test_an_alignment_that_changed_nothing_spans_nothing() -> None:
    for projection in ("orthogonal", "paper"):
        space = AlignedSubspace(BASE, BASE, projection=projection)  # type: ignore[arg-type]
        assert not bool(space.project(B).any()) and share(A, B, space.project(B)).cosine == 0
