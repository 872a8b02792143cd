"""How much work goes into estimates."""

from __future__ import annotations

import torch

from guise.harmless.inspection import _projector
from guise.harmless.operators import Composed, Convolution
from guise.harmless.projection import ConjugateGradients


def chain(side: int) -> Composed:
    """A strided layer and a square one behind it: of a kind that is estimated."""
    first = Convolution(torch.randn(16, 3, 7, 7), (3, side, side), stride=4, padding=3)
    return Composed([first, Convolution(torch.randn(16, 16, 3, 3), first.output_shape, padding=1)])


def test_iterations_of_an_estimate_fit_into_its_work_whatever_the_size_of_the_photo() -> None:
    small, large = (_projector(chain(side), 2**28) for side in (64, 256))
    assert isinstance(small, ConjugateGradients) and isinstance(large, ConjugateGradients)
    assert 5 <= large.settings.max_iterations < small.settings.max_iterations <= 200
    unbounded = _projector(chain(64), 2**40)
    assert isinstance(unbounded, ConjugateGradients) and unbounded.settings.max_iterations == 200
