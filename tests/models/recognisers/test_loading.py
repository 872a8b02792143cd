from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from guise.models.errors import InputError, OfflineError
from guise.models.networks import dlib_resnet
from guise.models.recognisers import loading, registry
from guise.models.recognisers.loading import check_distinct, load_recogniser, load_recognisers
from guise.models.recognisers.recogniser import Recogniser


def faces(count: int, size: int) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(1))


def test_dlib_embeds_is_frozen_and_passes_gradients() -> None:
    recogniser = load_recogniser("dlib-resnet", offline=True)
    images = faces(2, 150).requires_grad_()
    embeddings = recogniser(images)
    assert embeddings.shape == (2, recogniser.record.embedding_size)
    assert not recogniser.training and not any(p.requires_grad for p in recogniser.parameters())
    gradient = torch.autograd.grad(embeddings.square().sum(), images)[0]
    assert torch.isfinite(gradient).all() and gradient.abs().amax(dim=(1, 2, 3)).min() > 0


def test_dlib_is_the_same_from_the_package_and_from_the_cache(cache_folder: Path) -> None:
    images = faces(1, 150)
    fresh = load_recogniser("dlib-resnet")(images)
    kept = cache_folder / "converted" / "dlib-resnet.safetensors"
    assert kept.is_file()
    torch.testing.assert_close(load_recogniser("dlib-resnet")(images), fresh, rtol=0, atol=0)
    kept.write_bytes(kept.read_bytes()[:-1])
    torch.testing.assert_close(load_recogniser("dlib-resnet")(images), fresh, rtol=0, atol=0)


def test_weights_that_version_0_1_has_converted_are_used(cache_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tensors = {name: torch.zeros_like(tensor) for name, tensor in dlib_resnet.DlibResNet().state_dict().items()}
    kept = cache_folder / "converted" / "dlib-resnet.safetensors"
    kept.parent.mkdir(parents=True)
    metadata = {  # as version 0.1 writes it for these tensors
        "source_sha256": "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
        "fingerprint": "e1630b914d83b817ea749f22909dfc4d7e2b4eb5e04ab0a60caa16e24d996a2a",
    }
    save_file(tensors, kept, metadata=metadata)
    before = kept.read_bytes()
    monkeypatch.setattr(dlib_resnet, "read_weights", lambda _: pytest.fail("converted again"))
    embeddings = load_recogniser("dlib-resnet", offline=True)(faces(1, 150))
    assert torch.equal(embeddings, torch.zeros(1, 128)) and kept.read_bytes() == before


@pytest.mark.usefixtures("no_sockets")
def test_offline_download_is_refused() -> None:
    with pytest.raises(OfflineError, match="facenet-vggface2"):
        load_recogniser("facenet-vggface2", offline=True)


@pytest.mark.parametrize("device", ["no such device", "cuda:99"])
def test_unusable_device_is_named(device: str) -> None:
    with pytest.raises(InputError, match=f"`device={device}` cannot be used: .*; try `device=cpu`"):
        load_recogniser("dlib-resnet", device=device)


@pytest.mark.parametrize("device", ["cpu", "no such device"])
def test_unknown_name_is_refused_whatever_the_device(device: str) -> None:
    with pytest.raises(InputError, match="dlib-resnet"):
        load_recogniser("dlib", device=device)


def test_missing_file_is_refused_whatever_the_device(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.onnx"):
        load_recogniser(f"file:{tmp_path / 'missing.onnx'}", device="no such device")


def named(name: str) -> Recogniser:
    """A recogniser of that name, without a network."""
    return Recogniser(nn.Identity(), dataclasses.replace(registry.get("dlib-resnet"), name=name))


def test_several_are_loaded_in_order_each_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def load(name: str, **_: object) -> Recogniser:
        asked.append(name)
        return named(name)

    monkeypatch.setattr(loading, "load_recogniser", load)
    recognisers = load_recognisers(["sface", "dlib-resnet", "sface", "facenet"])
    assert [recogniser.record.name for recogniser in recognisers] == ["sface", "dlib-resnet", "facenet"]
    assert asked == ["sface", "dlib-resnet", "facenet"]


def test_two_recognisers_with_one_name_are_refused() -> None:
    check_distinct({"sface": named("sface"), "file:a": named("file")})
    with pytest.raises(InputError, match="file:a and file:b are both called file: give one another name"):
        check_distinct({"file:a": named("file"), "file:b": named("file")})
