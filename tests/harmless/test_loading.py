"""Models of timm by name: their size and normalisation come along."""

import pytest
import torch

from harmless import Source, inspect, load, read
from models.errors import InputError, OfflineError


def test_a_timm_model_is_read_at_its_own_size() -> None:
    loaded = load(Source("timm:test_vit"))
    assert loaded.input_shape == (3, 160, 160)
    (space,) = inspect(read(loaded.model, loaded.input_shape))
    assert space.nullity.best / space.nullity.n == pytest.approx(1 - 64 / 768)
    again = load(Source("timm:test_vit"))
    photos = 255 * torch.rand(1, 3, 160, 160)
    assert torch.equal(loaded.model(photos), again.model(photos))


def test_slips_are_answered_in_one_line() -> None:
    with pytest.raises(InputError, match=r"did you mean .*test_vit"):
        load(Source("timm:test_vitt"))
    with pytest.raises(OfflineError, match="--offline"):
        load(Source("timm:test_vit", weights="pretrained", offline=True))
