"""Models by name: their size and their normalisation come along."""

from dataclasses import replace
from pathlib import Path
from urllib.error import URLError

import pytest
import torch
from torch import nn

from guise.harmless import Source, inspect, load, null_space
from guise.harmless.sources import load_models
from guise.models.errors import InputError, OfflineError, WeightsError
from tests.harmless import tiny


def test_a_timm_model_is_read_at_its_own_size() -> None:
    loaded = load(Source("timm:test_vit"))
    assert loaded.input_shape == (3, 160, 160)
    (space,) = inspect(loaded).spaces
    assert space.size.best / space.size.n == pytest.approx(1 - 64 / 768)
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


def test_slips_are_answered_in_one_line() -> None:
    with pytest.raises(InputError, match=r"did you mean .*test_vit"):
        load(Source("timm:test_vitt"))
    with pytest.raises(OfflineError, match="offline=True"):
        load(Source("timm:test_vit", weights="pretrained", offline=True))


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("hf:timm/vit_tiny_patch16_224.augreg_in21k", r"did you mean timm:vit_tiny_patch16_224\.augreg_in21k\?"),
        ("timm:hf-hub:timm/resnet18.a1_in1k", r"did you mean timm:resnet18\.a1_in1k\?"),
        ("hf-hub:timm/resnet18", r"did you mean .*timm:resnet18\?"),
        ("https://huggingface.co/timm/resnet18.a1_in1k", r"did you mean .*timm:resnet18"),
        ("resnet-18", "did you mean resnet18,"),
    ],
)
def test_names_of_hubs_are_answered_with_ours(name: str, near: str) -> None:
    with pytest.raises(InputError, match=near):
        load(Source(name))


def test_random_weights_tell_photos_apart_though_a_library_starts_its_last_layer_at_zero() -> None:
    loaded = load(Source("vit_b_32"))
    photos = 255 * torch.rand(2, 3, 224, 224, generator=torch.Generator().manual_seed(0))
    first, second = loaded.model(photos)
    assert float((first - second).norm()) > 0.01 * float(first.norm()) > 0
    assert torch.equal(load(Source("vit_b_32")).model(photos), loaded.model(photos))


def test_a_module_of_the_callers_own_is_copied_and_stays_as_it_is() -> None:
    network = tiny.patches().train()
    loaded = load_models(network, input="3x32x32", preprocess="gray")
    assert network.training and all(weight.requires_grad for weight in network.parameters())
    photos = 255 * torch.rand(1, 3, 32, 32)
    grey = (photos * torch.tensor([0.2989, 0.587, 0.114]).view(3, 1, 1)).sum(1, keepdim=True).expand(1, 3, 32, 32)
    torch.testing.assert_close(loaded.model(photos), network.eval()(grey / 255))


@pytest.mark.parametrize(
    ("model", "options", "words"),
    [
        ("vit_b_32", {"input": "3x32"}, "`input=3x32` is no size"),
        ("guise-vit", {"weights": "pretrained"}, "`weights=pretrained` has no effect on guise-vit"),
        (nn.Flatten(), {"weights": "pretrained"}, "has no effect on a module, Flatten"),
        (nn.Flatten(), {"input": (1, 32, 32)}, "the model takes 1x32x32; give `input=`"),
        (nn.Flatten(), {"input": (1, 32, 32), "preprocess": "gray"}, "of three channels, not 1x32x32"),
        (nn.Flatten(), {"preprocess": "blur=3"}, "`preprocess=` does not know 'blur=3'"),
        ([], {}, "name.* with `model=`"),
    ],
)
def test_messages_name_the_parameters(model: object, options: dict[str, object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        load_models(model, **options)  # type: ignore[arg-type]


def test_options_that_a_loaded_model_would_pass_over_are_refused() -> None:
    loaded = load_models(tiny.patches(), input=(3, 32, 32))
    assert load_models(loaded, input="3x32x32") is loaded
    with pytest.raises(InputError, match="no effect on a loaded model"):
        load_models(loaded, input="3x40x40")
    with pytest.raises(InputError, match="photos of 3x32x32 and 3x40x40"):
        load_models([loaded, load_models(tiny.few(), input=(3, 40, 40))])


def test_a_joint_model_answers_as_each_model_does() -> None:
    photos, models = 255 * torch.rand(1, 3, 32, 32), [tiny.patches(), tiny.few()]
    joint = load_models(models, input="3x32x32")
    assert joint.names == ("Sequential", "Sequential")
    for answer, model in zip(joint.model(photos), models, strict=True):
        torch.testing.assert_close(answer, model.eval()(photos / 255))


def test_a_joint_model_among_others_counts_with_all_its_models() -> None:
    """What a model reads would be called null if that model was left out."""
    first, second, third = (
        replace(load_models(nn.Sequential(nn.Conv2d(3, 8, 8, 8), nn.ReLU()), input=(3, 16, 16)), names=(name,))
        for name in ("first", "second", "third")
    )
    flat, photos = null_space([first, second, third]), 255 * torch.rand(1, 3, 16, 16)
    assert null_space([first, second]).nullity == 768 - 2 * 32 and flat.nullity == 768 - 3 * 32
    pair, rest = load_models([first, second]), load_models([second, third])
    for nested in ([pair, third], [first, rest], [load_models([pair, third])]):
        space = null_space(nested)
        assert space.loaded.names == ("first", "second", "third") and space.to_json() == flat.to_json()
        for answer, expected in zip(space.loaded.model(photos), flat.loaded.model(photos), strict=True):
            assert torch.equal(answer, expected)
    with pytest.raises(InputError, match="photos of 3x16x16 and 3x40x40"):
        load_models([pair, load_models(tiny.few(), input=(3, 40, 40))])


def test_several_outputs_may_have_one_number_a_photo() -> None:
    class Detector(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.stem = nn.Conv2d(3, 4, 8, 8)

        def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor]:
            scores = self.stem(x).relu().mean((2, 3))
            return {"scores": scores, "label": scores.argmax(1), "sure": scores.amax(1), "classes": torch.tensor(4)}

    space = null_space(Detector(), input="3x16x16")
    assert space.nullity == 3 * 16 * 16 - 4 * 4
    scores = space.loaded.model(255 * torch.rand(3, 3, 16, 16))
    assert scores.shape == (3, 5) and torch.equal(scores[:, :4].amax(1), scores[:, 4])
