from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from guise.models.errors import InputError, OfflineError
from guise.models.recognisers import registry
from guise.models.recognisers.loading import load_recogniser
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


@pytest.mark.usefixtures("no_sockets")
def test_offline_download_is_refused() -> None:
    with pytest.raises(OfflineError, match="facenet-vggface2"):
        load_recogniser("facenet-vggface2", offline=True)


@pytest.mark.parametrize("device", ["no such device", "cuda:99"])
def test_unusable_device_is_named(device: str) -> None:
    with pytest.raises(InputError, match=f"`device={device}` cannot be used: .*; try `device=cpu`"):
        load_recogniser("dlib-resnet", device=device)


def test_unknown_name_is_refused() -> None:
    with pytest.raises(InputError, match="dlib-resnet"):
        load_recogniser("dlib")
