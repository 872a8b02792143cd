"""Models of timm by name: their size and normalisation come along."""

from pathlib import Path
from urllib.error import URLError

import pytest
import torch

from guise.harmless import LoadedModel, PixelModel, Preprocessing, Source, inspect, load, trace
from guise.harmless.pictures.manifest import model_hash
from guise.models.errors import InputError, OfflineError, WeightsError
from tests.harmless.tiny import Constant


def test_a_timm_model_is_read_at_its_own_size() -> None:
    loaded = load(Source("timm:test_vit"))
    assert loaded.input_shape == (3, 160, 160)
    (space,) = inspect(trace(loaded.model, loaded.input_shape))
    assert space.nullity.best / space.nullity.n == pytest.approx(1 - 64 / 768)
    again = load(Source("timm:test_vit"))
    photos = 255 * torch.rand(1, 3, 160, 160)
    assert torch.equal(loaded.model(photos), again.model(photos))


def test_a_torchvision_model_is_read_at_the_size_of_its_weights() -> None:
    assert load(Source("efficientnet_b1")).input_shape == (3, 240, 240)
    assert load(Source("efficientnet_b1", input_shape=(3, 64, 64))).input_shape == (3, 64, 64)


def test_a_download_is_announced_and_its_failure_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise URLError("no route to host")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torchvision.models._api.load_state_dict_from_url", fail)
    said: list[str] = []
    with pytest.raises(WeightsError, match=r"squeezenet1_1 cannot be made: .*no route to host"):
        load(Source("squeezenet1_1", weights="pretrained"), announce=said.append)
    (line,) = said
    assert line.startswith("squeezenet1_1: 5.0 MB, from https://")


def test_models_that_differ_in_code_only_have_other_hashes() -> None:
    hashes = [model_hash(LoadedModel(PixelModel(Constant(seed), Preprocessing()), (3, 32, 32))) for seed in (0, 0, 1)]
    assert hashes[0] == hashes[1] != hashes[2]


def test_slips_are_answered_in_one_line() -> None:
    with pytest.raises(InputError, match=r"did you mean .*test_vit"):
        load(Source("timm:test_vitt"))
    with pytest.raises(OfflineError, match="offline=True"):
        load(Source("timm:test_vit", weights="pretrained", offline=True))


def test_random_weights_tell_photos_apart_though_a_library_starts_its_last_layer_at_zero() -> None:
    loaded = load(Source("vit_b_32"))
    photos = 255 * torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    first, second = loaded.model(photos)
    assert float((first - second).norm()) > 0.01 * float(first.norm()) > 0
    assert torch.equal(load(Source("vit_b_32")).model(photos), loaded.model(photos))
