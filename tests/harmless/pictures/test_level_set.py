from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from harmless.pictures.certificate import as_tensor
from harmless.pictures.level_set import Jacobian, WalkSettings, walk
from harmless.pictures.targets import parse
from harmless.preprocessing import PixelModel, Preprocessing
from models.errors import InputError

torch.manual_seed(0)
NETWORK = nn.Sequential(nn.Conv2d(3, 8, 3, padding=1), nn.SiLU(), nn.AvgPool2d(4), nn.Flatten(), nn.Linear(128, 5))
MODEL = PixelModel(NETWORK, Preprocessing()).eval().requires_grad_(False)
PHOTO, TARGET = (parse("noise")(16, 16, seed) // 2 + 64 for seed in (0, 1))


def output(pixels: np.ndarray) -> torch.Tensor:
    return MODEL(as_tensor(pixels).float())[0]


def test_products_are_those_of_the_jacobian_written_out() -> None:
    x = as_tensor(PHOTO).float()
    matrix = torch.autograd.functional.jacobian(lambda x: MODEL(x)[0], x).flatten(1)
    jacobian, v, u = Jacobian(MODEL, x), torch.randn_like(x), torch.randn(5)
    torch.testing.assert_close(jacobian.times(v), matrix @ v.flatten(), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(jacobian.transposed(u).flatten(), matrix.T @ u, rtol=1e-4, atol=1e-5)
    free = (torch.rand_like(x) > 0.3).float()
    step = jacobian.least(u, free, iterations=20)
    torch.testing.assert_close(jacobian.times(step), u, rtol=1e-3, atol=1e-3)
    assert float((step * (1 - free)).abs().max()) == 0


def test_output_stays_while_the_picture_goes_to_the_target() -> None:
    walked = walk(PHOTO, MODEL, TARGET, settings=WalkSettings(steps=30))
    distance = [np.linalg.norm(one.astype(float) - TARGET) for one in (PHOTO, walked)]
    assert distance[1] < 0.3 * distance[0]
    clean, after, other = output(PHOTO), output(walked), output(TARGET)
    assert float((after - clean).norm()) < 0.05 * float((other - clean).norm())


def test_a_model_without_derivatives_is_refused() -> None:
    class Signs(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return (x > 1).flatten(1).float()

    with pytest.raises(InputError, match="no derivative"):
        walk(PHOTO, PixelModel(Signs(), Preprocessing()), TARGET)
