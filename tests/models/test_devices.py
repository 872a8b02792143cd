from __future__ import annotations

import pytest
import torch

from guise.models.devices import best_device
from guise.models.errors import InputError


def test_auto_is_a_device_that_computes() -> None:
    assert torch.ones(3, device=best_device()).sum().item() == 3
    assert best_device("auto") == best_device()


def test_a_device_that_works_is_taken_as_it_is() -> None:
    assert best_device("cpu") == "cpu"


@pytest.mark.parametrize("device", ["", "nonsense", "cuda:99", "meta"])
def test_a_device_that_does_not_work_is_named_in_one_line(device: str) -> None:
    with pytest.raises(InputError, match=f"`device={device}` cannot be used: .*; try `device=cpu`") as caught:
        best_device(device)
    assert "\n" not in str(caught.value)
