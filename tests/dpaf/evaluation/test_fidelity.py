import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm

from guise.dpaf.evaluation.fidelity import frechet, frechet_distance
from guise.models.errors import InputError, WeightsError
from tests.dpaf import toy


def as_images(data, rows=slice(None)):
    return data.images[rows].permute(0, 2, 3, 1).numpy()


def test_the_distance_is_that_of_the_formula():
    random = np.random.default_rng(0)
    first, second = random.normal(size=(60, 5)), random.normal(1, 2, size=(80, 5)) @ random.normal(size=(5, 5))
    covariances = np.cov(first.T), np.cov(second.T)
    mixed = sqrtm(covariances[0] @ covariances[1]).real
    apart = ((first.mean(0) - second.mean(0)) ** 2).sum()
    expected = apart + np.trace(covariances[0] + covariances[1] - 2 * mixed)
    assert frechet_distance(torch.from_numpy(first), torch.from_numpy(second)) == pytest.approx(expected, rel=1e-9)


def test_images_are_nearer_to_their_like():
    data = toy.two_classes(120)
    same = frechet(as_images(data, slice(0, 60)), toy.two_classes(60))
    noise = np.random.default_rng(1).integers(0, 256, (60, 28, 28, 1), np.uint8)
    other = frechet(noise, toy.two_classes(60))
    assert same.value < 0.2 * other.value
    assert same.images == (60, 60) and not same.imagenet


def test_inception_is_not_fetched(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    with pytest.raises(InputError, match="put them there"):
        frechet(as_images(toy.two_classes()), toy.two_classes(), extractor="inception")


def test_inception_that_is_not_what_its_name_says_is_not_opened(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    path = tmp_path / "hub" / "checkpoints" / "inception_v3_google-0cc3c7bd.pth"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"something else")
    with pytest.raises(WeightsError, match="not what its name says"):
        frechet(as_images(toy.two_classes()), toy.two_classes(), extractor="inception")


def test_other_sizes_are_refused():
    with pytest.raises(InputError, match="of that kind"):
        frechet(np.zeros((4, 32, 32, 1), np.uint8), toy.two_classes())
