from __future__ import annotations

import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from guise.harmless.operators import Convolution, Matrix
from guise.harmless.projection import Fourier, projector
from guise.harmless.sources import PixelModel
from guise.harmless.sources.preprocessing import parse
from guise.harmless.tracing import trace
from guise.models.errors import InputError
from tests.harmless.tracing.networks import CONV, IMAGE, PATCHES, Net, check


def test_reading_in_place_of_a_copy_that_changes_is_counted_as_read() -> None:
    def run(net: Net, x: Tensor) -> Tensor:
        y = net.a(x)
        y.view(-1).relu_()
        return y  # type: ignore[no-any-return]

    model = Net(run, a=CONV)
    assert check(model, trace(model, IMAGE)) == 768 - 320


def test_matrices_over_tokens_serve_all_of_them() -> None:
    model = Net(lambda s, x: s.a(x.flatten(2)).relu(), a=nn.Linear(256, 9))
    (part,) = trace(model, IMAGE).parts
    assert isinstance(part.operator, Matrix) and part.operator.stretches == 3


def filled(net: Net, x: Tensor) -> Tensor:
    gate = torch.zeros(1, *IMAGE, dtype=x.dtype)
    gate[:, :, :8] = net.a(x)  # through a view: the whole varies, though only a part was written to
    return (x * gate).sum((2, 3))


def test_a_factor_that_was_written_through_a_view_is_no_constant() -> None:
    with pytest.raises(InputError, match="is read by mul"):
        trace(Net(filled, a=nn.Conv2d(3, 3, (9, 1), padding=0)), IMAGE)


def test_memory_that_something_varying_was_written_into_is_no_constant() -> None:
    def run(net: Net, x: Tensor) -> Tensor:
        net.gate[:, :, :8] = net.a(x)[:, :, :8]
        return (net.b(x) * net.gate).flatten(1) + 0

    model = Net(run, a=nn.Conv2d(3, 2, 3, padding=1), b=nn.Conv2d(3, 2, 5, padding=2))
    model.register_buffer("gate", torch.ones(1, 2, 16, 16))
    assert {part.read_by for part in trace(model, IMAGE).parts} >= {"mul"}


def test_convolutions_on_a_ring_are_projected_frequency_by_frequency() -> None:
    ring = nn.Conv2d(3, 4, 3, stride=2, padding=1, padding_mode="circular")
    model = nn.Sequential(ring, nn.ReLU())
    traced = trace(model, IMAGE)
    assert isinstance(projector(traced.joint), Fourier)
    assert check(model, traced) == 768 - 4 * 64
    x = torch.randn(1, *IMAGE, dtype=torch.float64)
    with torch.no_grad():
        expected = copy.deepcopy(ring).double()(x) - ring.bias.double().view(1, -1, 1, 1)
    torch.testing.assert_close(traced.joint.matvec(x), expected)


@pytest.mark.parametrize("layers", [
    (nn.Conv2d(6, 9, 3, groups=3), nn.BatchNorm2d(9)),
    (nn.BatchNorm2d(6), nn.Conv2d(6, 9, 3, groups=3)),
])  # fmt: skip
def test_factors_of_channels_leave_groups_apart(layers: tuple[nn.Module, ...]) -> None:
    for layer in layers:
        if isinstance(layer, nn.BatchNorm2d):
            layer.running_var.uniform_(0.1, 9)
    traced = trace(nn.Sequential(nn.ReLU(), *layers, nn.ReLU()), (6, 9, 9), layer="1")
    assert isinstance(traced.joint, Convolution) and traced.joint.groups == 3
    x, both = torch.randn(2, 6, 9, 9, dtype=torch.float64), copy.deepcopy(nn.Sequential(*layers)).double().eval()
    with torch.no_grad():
        change = both(x[:1]) - both(x[1:])
    torch.testing.assert_close(traced.joint.matvec(x[:1] - x[1:]), change, rtol=1e-5, atol=1e-5)


def test_averages_that_leave_the_padding_out_are_followed_with_their_borders() -> None:
    def run(net: Net, x: Tensor) -> Tensor:
        return net.a(F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)).relu()

    model = Net(run, a=nn.Conv2d(3, 2, 3))
    traced = trace(model, IMAGE)
    x = torch.randn(1, *IMAGE, dtype=torch.float64)
    with torch.no_grad():
        linear = copy.deepcopy(model.a).double()(F.avg_pool2d(x, 3, 2, 1, count_include_pad=False))
        bias = model.a.bias.double().view(1, -1, 1, 1)
    torch.testing.assert_close(traced.joint.matvec(x), linear - bias, rtol=1e-6, atol=1e-6)
    assert check(model, traced) > 0


class Rearranged(nn.Module):
    """A linear embedding of patches, as many transformers have it."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Linear(48, 12)

    def forward(self, x: Tensor) -> Tensor:
        patches = x.unfold(2, 4, 4).unfold(3, 4, 4).permute(0, 2, 3, 1, 4, 5).flatten(3)
        return self.embed(patches).relu()


@pytest.mark.parametrize(
    ("network", "preprocess", "nullity"),
    [
        (Rearranged(), "", 16 * 36),
        (Rearranged(), "mean=.5:.5:.5,std=.5:.25:.5", 16 * 36),
        (nn.Sequential(PATCHES, nn.ReLU()), "crop=8,imagenet", 768 - 4 * 12),
        (nn.Sequential(PATCHES, nn.ReLU()), "gray", 768 - 16 * 12),
        (nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU()), "gray,imagenet", 2 * 256),
        (nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU()), "gray,crop=8", 768 - 64),
        (Net(lambda net, x: net.a(x[:, [0, 0, 2]]).relu(), a=nn.Conv2d(3, 9, 3)), "", 256),
    ],
)
def test_structure_shows_behind_the_preprocessing(network: nn.Module, preprocess: str, nullity: int) -> None:
    model = PixelModel(network, parse(preprocess)).eval()
    traced = trace(model, IMAGE)
    assert projector(traced.joint).method != "conjugate gradients"
    assert check(model, traced) == nullity
