"""Small networks to trace, and the check that what is called null is ignored."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from guise.harmless.operators import columns
from guise.harmless.projection import projector
from guise.harmless.tracing import Trace

IMAGE = (3, 16, 16)


class Net(nn.Module):
    """Runs the function it is given; layers a and b for it to use."""

    def __init__(self, run: object, **layers: nn.Module) -> None:
        super().__init__()
        self.run = run
        for name, layer in layers.items():
            setattr(self, name, layer)

    def forward(self, x: Tensor) -> Tensor:
        return self.run(self, x)  # type: ignore[operator,no-any-return]


def check(model: nn.Module, traced: Trace, *, shape: tuple[int, ...] = IMAGE) -> int:
    """What is called null is ignored by the whole model, in float64; the nullity."""
    model = copy.deepcopy(model).double().eval()
    projection = projector(traced.joint)
    v = projection.null(torch.randn(1, *shape, dtype=torch.float64))
    x = torch.rand(1, *shape, dtype=torch.float64)
    with torch.no_grad():
        before, after, other = model(x), model(x + v), model(x + torch.randn_like(v) * float(v.std() + 0.1))
    torch.testing.assert_close(after, before, rtol=1e-9, atol=1e-9)
    assert not torch.allclose(other, before, rtol=1e-6, atol=1e-6)
    assert projection.rank is not None
    return columns(traced.joint) - projection.rank


torch.manual_seed(0)
CONV = nn.Conv2d(3, 5, 3, 2, 1)
PATCHES = nn.Conv2d(3, 12, 4, 4)
