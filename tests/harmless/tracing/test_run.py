from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.models import VisionTransformer

from guise.harmless.inspection import inspect_trace
from guise.harmless.operators import Convolution, columns
from guise.harmless.projection import projector
from guise.harmless.sources import PixelModel
from guise.harmless.sources.preprocessing import parse
from guise.harmless.tracing import trace
from guise.models.errors import InputError
from guise.models.networks.students.vit import ViT
from tests.harmless.tracing.networks import CONV, IMAGE, PATCHES, Net, check


@pytest.mark.parametrize(
    ("model", "nullity"),
    [
        (nn.Sequential(CONV, nn.BatchNorm2d(5), nn.ReLU(inplace=True), nn.Flatten(), nn.Linear(320, 4)), 768 - 320),
        (Net(lambda s, x: s.a((255 * x.flip(1) - 127.5) / 128).relu(), a=PATCHES), 16 * 36),
        (Net(lambda s, x: s.a((x - 0.5) / torch.tensor([1.0, 2, 3]).view(3, 1, 1)).sigmoid(), a=CONV), 768 - 320),
        (Net(lambda s, x: s.a(F.pad(x, (1, 0, 2, 1))).relu(), a=nn.Conv2d(3, 2, 3)), 768 - 2 * 17 * 15),
        (Net(lambda s, x: s.a(x[:, :, 3:11, 4:12]).relu(), a=PATCHES), 768 - 12 * 4),
        (Net(lambda s, x: s.a(x.flatten(1)).tanh(), a=nn.Linear(768, 40)), 728),
        (Net(lambda s, x: s.a(x).relu() + s.b(x).tanh(), a=CONV, b=nn.Conv2d(3, 5, 1, 2)), 768 - 8 * 64),
        (Net(lambda s, x: s.a(F.interpolate(x, (8, 8), mode="bilinear", antialias=True)).relu(), a=PATCHES), 768 - 48),
        (Net(lambda _, x: F.avg_pool2d(x, 2).relu()), 768 - 192),
        (Net(lambda _, x: x.mean((2, 3)).exp()), 765),
        (
            Net(lambda s, x: torch.cat([torch.zeros(1, 1, 12).to(x), s.a(x).flatten(2).mT], 1).softmax(1), a=PATCHES),
            576,
        ),
        (nn.Sequential(CONV), 768 - 320),
        (Net(lambda s, x: s.a(x).relu(), a=nn.ConvTranspose2d(3, 1, 2, 2)), 0),
        (Net(lambda s, x: s.a(x).relu(), a=nn.Sequential(PATCHES, nn.ConvTranspose2d(12, 3, 2, 2))), 576),
    ],
)
def test_what_a_model_ignores_is_found(model: nn.Module, nullity: int) -> None:
    assert check(model, trace(model, IMAGE)) == nullity


def fourier(net: Net, x: Tensor) -> Tensor:
    """The lowest 8 x 8 frequencies, then patches of 4 x 4 with 12 filters."""
    low = torch.fft.rfft2(x)[:, :, :8, :5]
    return net.a(torch.fft.irfft2(low, s=(8, 8))).relu()  # type: ignore[no-any-return]


GRID = F.affine_grid(torch.tensor([[[0.5, 0, 0], [0, 0.5, 0]]]), [1, 3, 8, 8], align_corners=False)


@pytest.mark.parametrize(
    ("model", "nullity"),
    [
        (Net(lambda s, x: s.a(x - x.mean((1, 2, 3), keepdim=True)).relu(), a=PATCHES), 576),
        (Net(lambda s, x: s.a(x - x.mean((2, 3), keepdim=True)).relu(), a=nn.Conv2d(3, 48, 4, 4)), 3),
        (Net(lambda s, x: s.a(x / 2 - x.flatten(1).mean(1)[:, None, None, None] / 3).relu(), a=PATCHES), 576),
        (Net(lambda s, x: (s.a(x) - s.a(x).mean(1, keepdim=True)).relu(), a=PATCHES), 576 + 16),
        (Net(fourier, a=PATCHES), 768 - 48),
        (Net(lambda s, x: torch.fft.fft2(s.a(x)).abs(), a=PATCHES), 576),
        (Net(lambda s, x: s.a(F.grid_sample(x, GRID.to(x), align_corners=False)).relu(), a=PATCHES), 768 - 48),
        (Net(lambda s, x: s.a(x.mT).relu(), a=PATCHES), 576),
        (Net(lambda _, x: (torch.ones(5, 16).to(x) @ x[0, 0]).exp()), 768 - 16),
        (Net(lambda _, x: torch.einsum("nchw,ck->nkhw", x, torch.ones(3, 2).to(x)).exp()), 512),
        (
            Net(lambda s, x: s.a(torch.where(torch.eye(16, dtype=torch.bool), x, torch.zeros(1).to(x))).relu(), a=CONV),
            721,
        ),
        (Net(lambda s, x: (s.a(x) + s.b(x)).relu(), a=CONV, b=nn.Conv2d(3, 5, 1, 2)), 768 - 320),
        (
            Net(
                lambda s, x: s.a(torch.cat([x[..., ::2, ::2], x[..., 1::2, ::2], x[..., ::2, 1::2]], 1)).relu(),
                a=nn.Conv2d(9, 4, 1),
            ),
            768 - 4 * 64,
        ),
        (Net(lambda s, x: s.a(x.permute(0, 2, 3, 1).reshape(-1, 256, 3)).relu(), a=nn.Linear(3, 2)), 256),
    ],
)
def test_what_is_linear_is_followed(model: nn.Module, nullity: int) -> None:
    assert check(model, trace(model, IMAGE)) == nullity


def test_the_layer_names_what_reads_a_photo_less_its_mean() -> None:
    model = Net(lambda s, x: s.a(x - x.mean((1, 2, 3), keepdim=True)).relu(), a=nn.Conv2d(3, 12, 4, 4))
    (part,) = trace(model, IMAGE).parts
    assert part.name == "a" and part.weights == ("a.bias", "a.weight") and part.used == {"a.weight"}


def layer_norm(net: Net, x: Tensor) -> Tensor:
    """Written out, as exporters do."""
    tokens = net.a(x).flatten(2).mT
    centred = tokens - tokens.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + 1e-6).sqrt()


@pytest.mark.parametrize(("filters", "nullity"), [(12, 576 + 16), (48, 16)])
def test_a_layer_norm_that_is_written_out_takes_off_the_mean_which_is_linear(filters: int, nullity: int) -> None:
    model = Net(layer_norm, a=nn.Conv2d(3, filters, 4, 4))
    traced = trace(model, IMAGE)
    assert check(model, traced) == nullity and len(traced.parts) == 1
    (space,) = inspect_trace(traced)
    assert space.size.measured == nullity


def test_what_one_part_reads_of_another_adds_nothing() -> None:
    model = Net(lambda s, x: s.a(x).relu() + s.a(x).mean(1, keepdim=True).exp(), a=PATCHES)
    traced = trace(model, IMAGE)
    assert len(traced.parts) == 2 and check(model, traced) == 576
    parts, joint = inspect_trace(traced)[:2], inspect_trace(traced)[-1]
    assert joint.size.measured == 576 == min(part.size.best for part in parts)


def test_patches_of_a_transformer_are_its_null_space_and_its_input_scaling_is_folded_in() -> None:
    model = ViT()
    traced = trace(model, (3, 112, 112))
    assert check(model, traced, shape=(3, 112, 112)) == 64 * (588 - 192)
    (part,) = traced.parts
    assert part.name == "patches" and isinstance(part.operator, Convolution)


def test_torchvisions_vit_b_32_ignores_three_quarters() -> None:
    small = VisionTransformer(224, 32, num_layers=2, num_heads=2, hidden_dim=768, mlp_dim=32)
    (part,) = trace(small, (3, 224, 224)).parts
    assert part.name == "conv_proj" and isinstance(part.operator, Convolution)
    assert columns(part.operator) - 768 * 49 == 3 * columns(part.operator) / 4


def test_linear_embedding_of_rearranged_patches_is_followed() -> None:
    def run(net: Net, x: Tensor) -> Tensor:
        patches = x.unfold(2, 4, 4).unfold(3, 4, 4).permute(0, 2, 3, 1, 4, 5).reshape(-1, 16, 48)
        return net.a(patches).relu()  # type: ignore[no-any-return]

    model = Net(run, a=nn.Linear(48, 12))
    assert check(model, trace(model, IMAGE)) == 16 * 36


def residual(net: Net, x: Tensor) -> Tensor:
    x = net.stem(x).relu()
    shortcut = net.down(x)
    return (net.a(x).relu() + shortcut).relu()


def test_layers_that_read_one_tensor_count_together_whichever_is_named() -> None:
    layers = {"stem": nn.Conv2d(3, 8, 3, 2, 1), "a": nn.Conv2d(8, 6, 3, 2, 1), "down": nn.Conv2d(8, 6, 1, 2)}
    model = Net(residual, **layers)
    for layer in ("a", "down"):  # `down` runs first
        traced = trace(model, IMAGE, layer=layer)
        assert traced.input_shape == (8, 8, 8)
        assert {part.name for part in traced.parts} == {"a", "down"}
        assert isinstance(traced.joint, Convolution)
        assert projector(traced.joint).rank == 12 * 16


def test_strided_slices_beside_a_convolution_are_one_convolution() -> None:
    """The parameter-free shortcut of CIFAR ResNets: its slice measures as a layer does."""

    def run(net: Net, x: Tensor) -> Tensor:
        return (net.a(x).relu() + F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, 1, 1))).relu()  # type: ignore[no-any-return]

    model = Net(run, a=nn.Conv2d(3, 5, 3, 2, 1))
    traced = trace(model, IMAGE)
    assert isinstance(traced.joint, Convolution)
    assert check(model, traced) == 768 - 8 * 64


def test_torchscript_is_followed_like_any_module() -> None:
    model = nn.Sequential(nn.Conv2d(3, 5, 3, 2, 1), nn.ReLU(), nn.Flatten(), nn.Linear(320, 4)).eval()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = torch.jit.trace(model, torch.zeros(1, *IMAGE))
    traced = trace(model, IMAGE)
    assert np.prod(traced.parts[0].operator.output_shape) == 320
    with pytest.raises(InputError, match="TorchScript"):
        trace(model, IMAGE, layer="0")


@pytest.mark.parametrize(
    ("run", "message"),
    [
        (lambda _, x: x.relu(), "read by relu before any linear layer"),
        (lambda s, x: s.a(x).relu() + x.mean().exp() * x.sin().sum(), "read by sin"),
        (lambda s, _: s.a(torch.rand(1, 3, 16, 16).to(s.a.weight)), "does not depend"),
        (lambda s, x: s.a(x[:, :2]), "fails on an input of 3x16x16: .*; give its size with `input=`"),
        (lambda s, x: s.a(x - x.std()), "before any linear layer"),
        (lambda s, x: s.a(x * s.a(x).sigmoid().mean()), "read by mul"),
        (lambda s, x: s.a(x * x), "read by mul"),
        (lambda s, x: s.a((9 * x).long().to(x.dtype)), "read by _to_copy"),
    ],
)
def test_models_of_which_nothing_can_be_said_are_refused(run: object, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        trace(Net(run, a=CONV), IMAGE)
    assert "\n" not in str(caught.value)


def test_unknown_layers_bring_near_names() -> None:
    model = Net(residual, stem=nn.Conv2d(3, 8, 1), conv_one=nn.Conv2d(8, 2, 1), conv_two=nn.Conv2d(8, 2, 1))
    with pytest.raises(InputError, match=r"no layer 'conv1'; did you mean conv_"):
        trace(model, IMAGE, layer="conv1")


def test_layers_behind_the_preprocessing_are_named_and_their_weights_known() -> None:
    network = nn.Sequential(nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU())
    (part,) = trace(PixelModel(network, parse("gray,crop=8,imagenet")).eval(), IMAGE).parts
    assert part.name == "network.0" and part.weights == ("network.0.bias", "network.0.weight")


def test_weights_that_no_layer_holds_are_known() -> None:
    net = Net(lambda net, x: F.conv2d(x, net.w, stride=4).relu())
    net.w = nn.Parameter(torch.randn(5, 3, 4, 4))
    net.later = nn.Linear(7, 7)
    assert trace(net, IMAGE).parts[0].weights == ("w",)
