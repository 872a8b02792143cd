from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import pytest
import torch

from guise.models.errors import WeightsError
from guise.models.networks import facenet
from guise.models.recognisers import registry
from guise.models.recognisers.loading import load_recogniser
from guise.models.weights import cache
from tests.models.file_server import serving


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights of the real architecture, with the classifier that published files carry."""
    from facenet_pytorch import InceptionResnetV1

    torch.manual_seed(0)
    path = tmp_path_factory.mktemp("facenet") / "weights.pt"
    torch.save(InceptionResnetV1(classify=True, num_classes=3).state_dict(), path)
    return path


def test_downloaded_once_then_used_offline(weights: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(weights.read_bytes()) as server:
        record = dataclasses.replace(
            registry.get("facenet-casia-webface"), origin=server.url, bytes=len(server.content), sha256=None
        )
        monkeypatch.setitem(registry.RECORDS, record.name, record)
        announced: list[str] = []
        first = load_recogniser(record.name, announce=announced.append)
    assert len(announced) == 1
    assert cache.trusted(record.name) == hashlib.sha256(server.content).hexdigest()
    second = load_recogniser(record.name, offline=True)
    images = torch.rand(2, 3, 160, 160, requires_grad=True)
    embeddings = first(images)
    torch.testing.assert_close(embeddings, second(images))
    torch.testing.assert_close(embeddings.norm(dim=1), torch.ones(2))
    assert embeddings.shape == (2, record.embedding_size)
    gradient = torch.autograd.grad(embeddings[:, 0].sum(), images)[0]
    assert torch.isfinite(gradient).all() and gradient.abs().amax(dim=(1, 2, 3)).min() > 0


@pytest.mark.parametrize(
    "content", [{"other": torch.zeros(1)}, {}, [torch.zeros(1)], {1: torch.zeros(1)}, torch.zeros(1)]
)
def test_other_tensors_do_not_fit(tmp_path: Path, content: Any) -> None:
    torch.save(content, tmp_path / "other.pt")
    with pytest.raises(WeightsError, match=r"other\.pt (does not fit InceptionResnetV1|holds a)") as caught:
        facenet.load(tmp_path / "other.pt")
    assert "\n" not in str(caught.value)


class Evil:
    def __reduce__(self) -> tuple[Any, ...]:
        return (Path.touch, (Path("pwned"),))


def test_code_in_a_pickle_is_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"evil": Evil()}, "evil.pt")
    with pytest.raises(WeightsError, match="not a file of PyTorch weights"):
        facenet.load(Path("evil.pt"))
    assert not Path("pwned").exists()


@pytest.mark.parametrize("content", [b"", b"hello", b"\x80\x02", b"PK\x03\x04 no zip"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x.pt").write_bytes(content)
    with pytest.raises(WeightsError, match="not a file of PyTorch weights"):
        facenet.load(tmp_path / "x.pt")
