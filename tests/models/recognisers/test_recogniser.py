from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from guise.models.recognisers import registry
from guise.models.recognisers.recogniser import Recogniser
from guise.models.recognisers.record import Record


@pytest.fixture
def record() -> Record:
    return dataclasses.replace(registry.get("dlib-resnet"), input_size=2, mean=(10.0, 20.0, 30.0), std=(1.0, 2.0, 4.0))


def test_network_sees_normalised_values(record: Record) -> None:
    images = torch.rand(3, 3, 2, 2)
    seen = Recogniser(nn.Identity(), record)(images)
    for channel, (mean, std) in enumerate(zip(record.mean, record.std, strict=True)):
        torch.testing.assert_close(seen[:, channel], (255 * images[:, channel] - mean) / std)


def test_bgr_network_sees_blue_first(record: Record) -> None:
    images = torch.rand(1, 3, 2, 2)
    bgr = dataclasses.replace(record, color_order="BGR", mean=(0.0, 0.0, 0.0), std=(255.0, 255.0, 255.0))
    torch.testing.assert_close(Recogniser(nn.Identity(), bgr)(images), images[:, [2, 1, 0]])


@pytest.mark.parametrize("shape", [(3, 2, 2), (1, 1, 2, 2), (1, 3, 2, 4), (1, 3, 4, 4)])
def test_other_shapes_are_refused(record: Record, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"takes \(N, 3, 2, 2\)"):
        Recogniser(nn.Identity(), record)(torch.zeros(shape))


def test_normalisation_is_no_part_of_the_state_dict(record: Record) -> None:
    assert not Recogniser(nn.Identity(), record).state_dict()
