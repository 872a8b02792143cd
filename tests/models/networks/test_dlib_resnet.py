import json
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import data

from guise.models import get, load_recogniser
from guise.models.errors import WeightsError
from guise.models.networks.dlib_resnet import read_weights
from guise.models.weights.weight_file import locate

FIXTURE = json.loads((Path(__file__).parents[1] / "data" / "dlib_embeddings.json").read_text())


@pytest.fixture(scope="module")
def recogniser():
    return load_recogniser("dlib-resnet", offline=True)


def crops():
    portrait = np.asarray(data.astronaut())
    slices = [portrait[top : top + 150 * k : k, left : left + 150 * k : k] for top, left, k in FIXTURE["slices"]]
    return torch.from_numpy(np.stack(slices)).permute(0, 3, 1, 2).float() / 255


def test_embeddings_are_those_of_dlib_itself(recogniser):
    expected = torch.tensor(FIXTURE["embeddings"])
    with torch.no_grad():
        embeddings = recogniser(crops())
    assert torch.nn.functional.cosine_similarity(embeddings, expected).min() >= 0.9999
    assert (embeddings - expected).abs().max() < 1e-5


def test_fixture_tells_crops_apart():
    expected = torch.tensor(FIXTURE["embeddings"])
    assert torch.cdist(expected, expected).fill_diagonal_(1).min() > 0.05


def test_gradient_reaches_the_pixels(recogniser):
    images = crops().requires_grad_(True)
    recogniser(images).square().sum().backward()
    assert images.grad.isfinite().all()
    assert (images.grad.abs().amax(dim=(1, 2, 3)) > 0).all()


@pytest.mark.parametrize("keep", [0, 10, 1000, 1_000_000, 22_400_000])
def test_a_file_cut_short_is_refused(tmp_path, keep):
    path = tmp_path / "cut.dat"
    path.write_bytes(locate(get("dlib-resnet")).read_bytes()[:keep])
    with pytest.raises(WeightsError, match=r"cut\.dat"):
        read_weights(path)


def test_another_network_is_refused(tmp_path):
    path = tmp_path / "other.dat"
    whole = locate(get("dlib-resnet")).read_bytes()
    path.write_bytes(whole[whole.index(b"\x05con_4", 1000) - 1 :])
    with pytest.raises(WeightsError, match="another network"):
        read_weights(path)
