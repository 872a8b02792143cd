from __future__ import annotations

import torch

from guise.harmless.operators import Composed, Convolution, Gather, Matrix, Stacked
from guise.harmless.operators.work import multiplications


def test_multiplications_are_those_of_the_loops_written_out() -> None:
    layer = Convolution(torch.randn(4, 3, 2, 2), (3, 6, 6), stride=2)
    assert multiplications(layer) == 9 * 4 * 3 * 4
    grouped = Convolution(torch.randn(6, 1, 3, 3), (3, 6, 6), padding=1, groups=3)
    assert multiplications(grouped) == 36 * 6 * 9
    words = Matrix(torch.randn(5, 7), (9, 7))
    assert multiplications(words) == 9 * 5 * 7
    turned = Gather(torch.arange(36).reshape(9, 4).T, (4, 3, 3))
    assert multiplications(Composed([layer, turned])) == 9 * 4 * 12 + 72
    assert multiplications(Stacked([layer, layer])) == 2 * 9 * 4 * 12
