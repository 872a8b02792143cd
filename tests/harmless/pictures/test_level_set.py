from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from guise.harmless.pictures import level_set
from guise.harmless.pictures.certificate import as_tensor
from guise.harmless.pictures.level_set import AppliedJacobian, FormedJacobian, WalkSettings, walk
from guise.harmless.pictures.targets import parse
from guise.harmless.sources import PixelModel, Preprocessing
from guise.models.errors import InputError

torch.manual_seed(0)
NETWORK = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.SiLU(), nn.AvgPool2d(4), nn.Flatten(), nn.Linear(128, 5))
MODEL = PixelModel(NETWORK, Preprocessing()).eval().requires_grad_(False)
PHOTO, TARGET = (parse("noise")(16, 16, seed) // 2 + 64 for seed in (0, 1))


def output(pixels: np.ndarray) -> torch.Tensor:
    return MODEL(as_tensor(pixels).float())[0]


@pytest.mark.parametrize("formed", [True, False])
def test_products_are_those_of_the_jacobian_written_out(formed: bool) -> None:
    x = as_tensor(PHOTO).float()
    matrix = torch.autograd.functional.jacobian(lambda x: MODEL(x)[0], x).flatten(1)
    jacobian = FormedJacobian(MODEL, x) if formed else AppliedJacobian(MODEL, x, iterations=20)
    v, u = torch.randn_like(x), torch.randn(5)
    torch.testing.assert_close(jacobian.times(v), matrix @ v.flatten(), rtol=1e-4, atol=1e-5)
    free = (torch.rand_like(x) > 0.3).float()
    step = jacobian.least(u, free)
    torch.testing.assert_close(jacobian.times(step), u, rtol=1e-3, atol=1e-3)
    assert float((step * (1 - free)).abs().max()) == 0
    least = torch.linalg.pinv(matrix * free.flatten()) @ u
    torch.testing.assert_close(step.flatten(), least, rtol=1e-2, atol=1e-2 * float(least.abs().max()))


@pytest.mark.parametrize("formed", [True, False])
def test_output_stays_while_the_picture_goes_to_the_target(formed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(level_set, "_FORMED", 512 if formed else 0)
    walked = walk(PHOTO, MODEL, TARGET, settings=WalkSettings(steps=30))
    distance = [np.linalg.norm(picture.astype(float) - TARGET) for picture in (PHOTO, walked)]
    assert distance[1] < 0.3 * distance[0]
    clean, after, other = output(PHOTO), output(walked), output(TARGET)
    assert float((after - clean).norm()) < 0.05 * float((other - clean).norm())


def test_attention_is_differentiated_twice() -> None:
    class Attention(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            tokens = x.flatten(2).transpose(1, 2)[:, None].contiguous()  # else it is not fused
            return nn.functional.scaled_dot_product_attention(tokens, tokens, tokens)

    model, x = PixelModel(Attention(), Preprocessing()), as_tensor(PHOTO[:8, :8]).float()
    v, matrix = torch.randn_like(x), torch.autograd.functional.jacobian(lambda x: model(x).flatten(), x).flatten(1)
    expected = matrix @ v.flatten()
    torch.testing.assert_close(AppliedJacobian(model, x, iterations=1).times(v), expected, rtol=1e-3, atol=1e-4)


def test_a_model_without_derivatives_is_refused() -> None:
    class Signs(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x > 1).flatten(1).float()

    with pytest.raises(InputError, match="no derivative"):
        walk(PHOTO, PixelModel(Signs(), Preprocessing()), TARGET)
