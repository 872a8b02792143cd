from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from guise.harmless.perturbations.bounds import certified_margins
from guise.harmless.perturbations.margins import SearchSettings, margin, perturbed_weights, worst_margins
from guise.harmless.sources import PixelModel, Preprocessing

PHOTOS = 50 + 150 * torch.rand(6, 3, 4, 4, generator=torch.Generator().manual_seed(0))


def pixels(*layers: nn.Module) -> PixelModel:
    return PixelModel(nn.Sequential(*layers), Preprocessing()).eval()


def smallest(x: Tensor, w: Tensor, eps_x: float, eps_w: float) -> Tensor:
    """Of w^T x over both boxes: a sum of products, each smallest at a corner."""
    corners = [(x + s * eps_x) * (w + t * eps_w) for s in (-1, 1) for t in (-1, 1)]
    return torch.stack(corners).amin(0).sum(-1)


@pytest.mark.parametrize(("eps_x", "eps_w"), [(2.0, 0.0), (0.0, 0.003), (2.0, 0.003)])
def test_of_a_linear_model_the_worst_is_found(eps_x: float, eps_w: float) -> None:
    """Two classes W and -W: the margin is 2 w^T x, where each row moves on its own."""
    torch.manual_seed(1)
    linear = nn.Linear(48, 2, bias=False)
    labels = torch.zeros(6, dtype=torch.int64)
    found = worst_margins(pixels(nn.Flatten(), linear), PHOTOS, labels, input_epsilon=eps_x, weight_epsilon=eps_w)
    x, w = PHOTOS.flatten(1) / 255, (linear.weight[0] - linear.weight[1]).detach()
    torch.testing.assert_close(found, smallest(x, w, eps_x / 255, 2 * eps_w), rtol=1e-4, atol=1e-5)


def test_the_closed_form_is_reached_where_signs_oppose_and_never_passed() -> None:
    """Margin less eps_x |w|_1 + 2 eps_W |x|_1 + 2 eps_x eps_W d, for w = W_y - W_j."""
    torch.manual_seed(1)
    linear, labels = nn.Linear(48, 2, bias=False), torch.zeros(6, dtype=torch.int64)
    for opposed in (False, True):
        if opposed:  # photos are above 0
            linear.weight.data = torch.stack([-linear.weight[0].abs(), linear.weight[1].abs()]).detach()
        model = pixels(nn.Flatten(), linear)
        found = worst_margins(model, PHOTOS, labels, input_epsilon=2.0, weight_epsilon=0.003)
        x, w = PHOTOS.flatten(1) / 255, (linear.weight[0] - linear.weight[1]).detach()
        closed = x @ w - 2 / 255 * w.abs().sum() - 0.006 * x.abs().sum(1) - 2 / 255 * 0.006 * 48
        bound = certified_margins(model, PHOTOS, labels, input_epsilon=2.0, weight_epsilon=0.003)
        assert bound is not None
        torch.testing.assert_close(bound, closed, rtol=1e-4, atol=1e-5)
        assert bool((found >= closed - 1e-5).all())
        if opposed:
            torch.testing.assert_close(found, closed, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("activation", [nn.ReLU(), nn.Tanh(), nn.LeakyReLU(0.1)])
def test_no_perturbation_passes_the_certified_margin(activation: nn.Module) -> None:
    torch.manual_seed(2)
    model = pixels(
        nn.Conv2d(3, 5, 3, padding=1),
        activation,
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(20, 8),
        activation,
        nn.Linear(8, 3),
    )
    labels, sizes = torch.tensor([0, 1, 2, 0, 1, 2]), {"input_epsilon": 3.0, "weight_epsilon": 0.01}
    bound = certified_margins(model, PHOTOS, labels, **sizes)
    found = worst_margins(model, PHOTOS, labels, settings=SearchSettings(10, 3), **sizes)
    assert bound is not None and bool((bound <= found + 1e-5).all())
    weights = perturbed_weights(model)
    random = torch.Generator().manual_seed(3)
    for _ in range(60):
        changes = {name: 0.01 * torch.randn(w.shape, generator=random).sign() for name, w in weights.items()}
        moved = {name: weight + changes[name] for name, weight in weights.items()}
        photos = PHOTOS + 3 * torch.randn(PHOTOS.shape, generator=random).sign()
        with torch.no_grad():
            scores = torch.func.functional_call(model, moved, (photos,))
        assert bool((margin(scores, labels) >= bound - 1e-5).all())


def test_sizes_of_zero_give_the_margin_itself_and_larger_boxes_no_more() -> None:
    torch.manual_seed(4)
    model, labels = pixels(nn.Flatten(), nn.Linear(48, 9), nn.ReLU(), nn.Linear(9, 3)), torch.tensor([0, 1, 2, 0, 1, 2])
    with torch.no_grad():
        plain = margin(model(PHOTOS), labels)
    for found in (
        worst_margins(model, PHOTOS, labels, input_epsilon=0, weight_epsilon=0),
        certified_margins(model, PHOTOS, labels, input_epsilon=0, weight_epsilon=0),
    ):
        torch.testing.assert_close(found, plain, rtol=1e-4, atol=1e-5)
    some = worst_margins(model, PHOTOS, labels, input_epsilon=2, weight_epsilon=0.01)
    assert bool((some <= plain + 1e-6).all()) and bool((some < plain).any())


class Halved(nn.Linear):
    """A linear layer by its class, and another by what it computes."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) / 2


class Skipped(nn.Sequential):
    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(x)


@pytest.mark.parametrize(
    "layers",
    [
        (nn.Linear(48, 9), nn.Softmax(1)),
        (nn.Linear(48, 9), nn.LeakyReLU(-0.5)),
        (Halved(48, 9),),
        (Skipped(nn.Linear(48, 48)), nn.ReLU(), nn.Linear(48, 9)),
    ],
)
def test_other_networks_get_no_certificate(layers: tuple[nn.Module, ...]) -> None:
    model = pixels(nn.Flatten(), *layers, nn.Linear(9, 3))
    assert certified_margins(model, PHOTOS, torch.zeros(6).long(), input_epsilon=1, weight_epsilon=0) is None


def test_a_negative_deviation_in_the_preprocessing_does_not_turn_the_bound_round() -> None:
    torch.manual_seed(5)
    layers = nn.Sequential(nn.Flatten(), nn.Linear(48, 9), nn.ReLU(), nn.Linear(9, 3))
    sizes, labels = {"input_epsilon": 9.0, "weight_epsilon": 0.0}, torch.tensor([0, 1, 2, 0, 1, 2])
    model = PixelModel(layers, Preprocessing(std=(-1.0, -1.0, -1.0))).eval()
    bound, found = certified_margins(model, PHOTOS, labels, **sizes), worst_margins(model, PHOTOS, labels, **sizes)
    assert bound is not None and bool((bound <= found + 1e-5).all())
