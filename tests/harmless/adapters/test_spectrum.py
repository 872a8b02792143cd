"""The leading eigenvalues against a whole decomposition."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from guise.harmless.adapters import spectrum
from guise.harmless.adapters.spectrum import leading

N = 1300
"""Large enough for the way that takes no whole decomposition."""


def gram(values: Tensor) -> tuple[Tensor, Tensor]:
    """A matrix with these eigenvalues, and its eigenvectors."""
    torch.manual_seed(0)
    vectors = torch.linalg.qr(torch.randn(N, len(values), dtype=torch.float64))[0]
    return (vectors * values) @ vectors.T, vectors


def whole(*_: object) -> None:
    raise AssertionError("a whole decomposition was taken")


@pytest.mark.parametrize("rank", [1, 20, 80])
@pytest.mark.parametrize("noise", [0.0, 1e-8])
def test_few_directions_are_found_without_a_whole_decomposition(
    rank: int, noise: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    matrix, vectors = gram(torch.linspace(3, 1, rank, dtype=torch.float64))
    matrix += noise * torch.eye(N, dtype=torch.float64)
    plain = torch.linalg.eigh
    monkeypatch.setattr(spectrum.torch.linalg, "eigh", lambda m: plain(m) if len(m) < N else whole())
    values, basis = leading(matrix, least=1e-6)
    assert len(values) == rank
    torch.testing.assert_close(basis @ basis.T, vectors @ vectors.T, atol=1e-10, rtol=0)


@pytest.mark.parametrize("least", [1e-5, 0.0])
def test_a_slow_decay_is_counted_as_the_whole_decomposition_counts_it(least: float) -> None:
    values = torch.logspace(0, -8, N // 2, dtype=torch.float64)
    found, basis = leading(gram(values)[0], least=least or 1e-12)
    assert len(found) == int((values > (least or 1e-12)).sum())
    torch.testing.assert_close(basis.T @ basis, torch.eye(len(found), dtype=torch.float64), atol=1e-10, rtol=0)


def test_a_share_of_the_trace_is_held_by_as_few_as_can_hold_it() -> None:
    values = 0.5 ** torch.arange(12, dtype=torch.float64)
    found, _ = leading(gram(values)[0], share=0.9)
    torch.testing.assert_close(found, values[:4])
    assert len(leading(torch.zeros(N, N, dtype=torch.float64), least=1e-9)[0]) == 0
