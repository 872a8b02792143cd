from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from torch import Tensor

from guise.chameleon.faces.detection import Face
from guise.chameleon.faces.embedding import embed
from guise.models.errors import OfflineError, WeightsError
from guise.models.networks.precision import half_precision
from guise.models.recognisers import frbench, registry
from guise.models.recognisers.loading import load_recogniser
from guise.models.weights import cache, weight_file
from guise.models.weights.release import MANIFEST
from tests.frbench_release import HYBRID, PLAIN, SMALL, backbone_of, key_of, publish, serving_folder, unpack

ODD: dict[str, Any] = {
    "size": [112, 112],
    "mean": [0.4, 0.5, 0.6],
    "var": [0.3, 0.25, 0.2],
    "channel": "bgr",
    "template": [[36.0, 50.0], [74.0, 52.0], [57.0, 70.0], [42.0, 94.0], [69.0, 91.0]],
}
POINTS = np.array([[101.0, 130.0], [163.0, 121.0], [139.0, 165.0], [116.0, 201.0], [167.0, 193.0]])


@pytest.fixture
def release(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Path, list[str]]]:
    """An empty release on a server, and what was asked of it."""
    folder = publish(tmp_path / "release", {})
    with serving_folder(folder) as (url, asked):
        monkeypatch.setenv("GUISE_FRBENCH", url)
        yield folder, asked


def crops(count: int, *, size: int = 112) -> Tensor:
    return torch.rand(count, 3, size, size, generator=torch.Generator().manual_seed(1))


def photo() -> np.ndarray:
    """Smooth, so that two ways of resampling it give the same but for rounding."""
    noise = np.random.default_rng(0).normal(size=(280, 300, 3))
    smooth = gaussian_filter(noise, (9, 9, 0))
    return (127 + 100 * smooth / np.abs(smooth).max()).astype(np.uint8)


def test_there_are_forty_five_of_twenty_five_backbones() -> None:
    names = [name.removeprefix("frbench:").split("/") for name in frbench.RECORDS]
    backbones, losses, sets = zip(*names, strict=True)
    assert (len(names), len(set(backbones)), len(set(losses)), len(set(sets))) == (45, 25, 9, 3)
    assert registry.get("frbench:irse-50/arcface/ms1m").file.endswith("/irse-50_arcface_ms1m.tar.gz")


@pytest.mark.parametrize("given", [PLAIN, ODD, {}], ids=["plain", "odd", "default"])
def test_a_face_is_embedded_as_frbench_embeds_it(
    release: tuple[Path, list[str]], tmp_path: Path, given: dict[str, Any]
) -> None:
    """Template, size, normalisation, order of the channels and embedding are those of the archive's configuration."""
    from frbench import FR, FaceDetector, FRDetectResult, configure_scoped

    folder, _ = release
    publish(folder, {SMALL: backbone_of(SMALL, num_features=128)}, given=given, options={"num_features": 128})
    recogniser = load_recogniser(SMALL)
    with configure_scoped(cache=str(unpack(folder, tmp_path / "theirs")), update_check=False, verbose=False):
        theirs = FR("mobilefacenet", "arcface", "ms1m", detector=FaceDetector(), eager_load=True)
    assert recogniser.record.embedding_size == theirs.embedding_dim == 128
    ready = crops(3)
    with torch.no_grad():
        expected = theirs(255 * ready, need_crop=False, tta=()).embeddings
        torch.testing.assert_close(recogniser(ready), expected, rtol=1e-4, atol=1e-4)
        pixels, marks = photo(), torch.from_numpy(POINTS).float()
        image = torch.from_numpy(pixels).permute(2, 0, 1).float()
        found = FRDetectResult.from_landmarks([marks])
        expected = theirs(image, detections=found, tta=()).embeddings
    face = Face(np.array([80.0, 90.0, 190.0, 230.0]), POINTS, 1.0)
    ours = torch.from_numpy(embed([(pixels, face)], recogniser))
    assert float((ours - expected).norm() / expected.norm()) < 0.02


def test_networks_of_two_kinds_pass_gradients_and_embed_each_image_alone(release: tuple[Path, list[str]]) -> None:
    folder, _ = release
    publish(folder, {name: backbone_of(name) for name in (SMALL, HYBRID)}, options={"input_size": [112, 112]})
    for name in (SMALL, HYBRID):
        recogniser = load_recogniser(name)
        assert not recogniser.training and not any(p.requires_grad for p in recogniser.parameters())
        images = crops(2).requires_grad_()
        embeddings = recogniser(images)
        assert embeddings.shape == (2, 512)
        torch.testing.assert_close(recogniser(images[1:]), embeddings[1:], rtol=1e-3, atol=1e-3)
        gradient = torch.autograd.grad(embeddings.square().sum(), images)[0]
        assert torch.isfinite(gradient).all() and gradient.abs().amax(dim=(1, 2, 3)).min() > 0


@pytest.mark.slow
@pytest.mark.parametrize("backbone", frbench.BACKBONES)
def test_every_backbone_is_built_and_differentiable(release: tuple[Path, list[str]], backbone: str) -> None:
    """Also in half precision, and with the option of training that breaks some gradients."""
    folder, _ = release
    name = f"frbench:{backbone}/arcface/ms1m"
    network, options = backbone_of(name), {"use_checkpoint": True} if backbone.startswith("swin") else {}
    publish(folder, {name: network}, options=options)
    recogniser, images = load_recogniser(name), crops(2).requires_grad_()
    count = sum(parameter.numel() for parameter in network.parameters()) / 1e6
    assert recogniser.record.parameters == pytest.approx(count, abs=0.06)
    for context in (torch.autocast("cpu", enabled=False), torch.autocast("cpu", dtype=torch.bfloat16)):
        with context:
            embeddings = recogniser(images).float()
        assert embeddings.shape == (2, recogniser.record.embedding_size)
        gradient = torch.autograd.grad(embeddings.square().sum(), images)[0]
        assert torch.isfinite(gradient).all() and gradient.abs().amax(dim=(1, 2, 3)).min() > 0
    with torch.no_grad():
        expected = network(2 * images.detach() - 1)
        torch.testing.assert_close(recogniser(images), expected, rtol=1e-3, atol=1e-3 * float(expected.abs().max()))
        with half_precision(images.device):
            assert torch.isfinite(recogniser(images)).all()


def test_weights_are_fetched_once_checked_and_used_offline(release: tuple[Path, list[str]]) -> None:
    folder, asked = release
    publish(folder, {SMALL: backbone_of(SMALL)})
    told: list[str] = []
    seen: list[tuple[int, int | None]] = []
    first = load_recogniser(SMALL, announce=told.append, progress=lambda *at: seen.append(at))
    archive = f"/{key_of(SMALL)}.tar.gz"
    assert asked == ["/manifest.json", archive]
    size = (folder / archive[1:]).stat().st_size
    assert seen[-1] == (size, size)
    assert told[0].startswith(f"{MANIFEST.name}: size unknown, licence MIT (FRBench), from http://127.0.0.1")
    assert told[1].startswith(f"{SMALL}: {size / 1e6:.1f} MB, licence MIT (FRBench), from http") and archive in told[1]
    again = load_recogniser(SMALL, offline=True)
    assert len(asked) == 2
    torch.testing.assert_close(again(crops(1)), first(crops(1)), rtol=0, atol=0)
    assert first.record.sha256 == cache.sha256_of(weight_file.locate(registry.get(SMALL)))
    kept = weight_file.cache_folder() / "converted" / "frbench-mobilefacenet-arcface-ms1m.safetensors"
    assert kept.is_file()


@pytest.mark.usefixtures("no_sockets")
def test_offline_names_the_recogniser_that_is_missing() -> None:
    with pytest.raises(OfflineError, match=r"frbench:irse-50/arcface/ms1m .*guise models fetch frbench:irse-50/"):
        load_recogniser("frbench:irse-50/arcface/ms1m", offline=True)


def test_another_manifest_than_the_first_is_refused(release: tuple[Path, list[str]]) -> None:
    folder, _ = release
    publish(folder, {SMALL: backbone_of(SMALL)})
    load_recogniser(SMALL)
    assert cache.trusted(MANIFEST.name) == cache.sha256_of(folder / "manifest.json")
    publish(folder, {SMALL: backbone_of(SMALL, num_features=64)}, options={"num_features": 64})
    weight_file.locate(MANIFEST).write_bytes((folder / "manifest.json").read_bytes())
    with pytest.raises(WeightsError, match=r"is not frbench:manifest: its sha256 is .*guise models fetch"):
        load_recogniser(SMALL)
    weight_file.locate(MANIFEST).unlink()
    with pytest.raises(WeightsError, match=r"not the expected file"):
        load_recogniser(SMALL)


def test_another_archive_than_the_manifest_lists_is_refused(release: tuple[Path, list[str]]) -> None:
    folder, _ = release
    publish(folder, {SMALL: backbone_of(SMALL)})
    archive = folder / f"{key_of(SMALL)}.tar.gz"
    good = archive.read_bytes()
    archive.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(WeightsError, match=r"is not the expected file: its sha256 is .*nothing was kept"):
        load_recogniser(SMALL)
    archive.write_bytes(good)
    path = weight_file.obtain(registry.get(SMALL))
    path.write_bytes(b"another")
    with pytest.raises(WeightsError, match=f"is not {SMALL}: its sha256 is .*guise models fetch {SMALL}"):
        load_recogniser(SMALL)
    assert weight_file.obtain(registry.get(SMALL), replace_damaged=True).read_bytes() == good


def change(folder: Path, **entry: Any) -> None:
    """Change what the manifest says of `SMALL`."""
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest[key_of(SMALL)] |= entry
    (folder / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ({"asset_name": "../../etc/passwd"}, "lists mobilefacenet_arcface_ms1m wrongly"),
        ({"sha": "abc"}, "lists mobilefacenet_arcface_ms1m wrongly"),
        ({"contents": {}}, "does not list mobilefacenet_arcface_ms1m, which is frbench:mobilefacenet"),
        ({"contents": {"config": "no.yaml", "weight": "no.pth"}}, r"holds no file no\.yaml"),
    ],
)
def test_a_wrong_manifest_is_told_in_a_line(
    release: tuple[Path, list[str]], entry: dict[str, Any], message: str
) -> None:
    folder, _ = release
    publish(folder, {SMALL: backbone_of(SMALL)})
    change(folder, **entry)
    with pytest.raises(WeightsError, match=message) as caught:
        load_recogniser(SMALL)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ({"input": {"size": [112, 96]}}, "takes crops of 112x96; Guise cuts square ones only"),
        ({"input": {"channel": "yuv"}}, "not one that Guise understands: KeyError"),
        ({"input": {"template": [[1, 2]]}}, "not one that Guise understands: ValueError"),
        ({"backbone": {"name": "vgg"}}, r"cannot build .*'vgg' is not registered.*pip install --upgrade frbench"),
        ({"backbone": {"name": "mobilefacenet", "kwargs": {"num_features": 64}}}, "holds other weights than its conf"),
    ],
)
def test_a_wrong_configuration_is_told_in_a_line(
    release: tuple[Path, list[str]], config: dict[str, Any], message: str
) -> None:
    folder, _ = release
    publish(folder, {SMALL: backbone_of(SMALL)}, **config)
    with pytest.raises(WeightsError, match=message) as caught:
        load_recogniser(SMALL)
    assert "\n" not in str(caught.value)


def test_a_damaged_archive_without_a_listed_hash_is_told_in_a_line(release: tuple[Path, list[str]]) -> None:
    folder, _ = release
    publish(folder, {SMALL: backbone_of(SMALL)})
    archive = folder / f"{key_of(SMALL)}.tar.gz"
    archive.write_bytes(archive.read_bytes()[:1000])
    change(folder, sha=None, size=None)
    with pytest.raises(WeightsError, match=r"is no tar\.gz, or a damaged one"):
        load_recogniser(SMALL)


def test_a_missing_package_is_named_before_anything_is_fetched(
    release: tuple[Path, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(WeightsError, match=r'needs a package that is not here; run `pip install "guise\[frbench\]"`'):
        load_recogniser(SMALL)
    assert release[1] == []


def test_the_same_weights_from_the_release_and_from_what_was_converted(release: tuple[Path, list[str]]) -> None:
    folder, _ = release
    publish(folder, {SMALL: backbone_of(SMALL)})
    fresh = load_recogniser(SMALL)(crops(1))
    kept = weight_file.cache_folder() / "converted" / "frbench-mobilefacenet-arcface-ms1m.safetensors"
    kept.write_bytes(kept.read_bytes()[:-1])
    torch.testing.assert_close(load_recogniser(SMALL)(crops(1)), fresh, rtol=0, atol=0)
