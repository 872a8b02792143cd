import cv2
import numpy as np
import pytest
import torch
from skimage import data, transform

from guise.models import get, load_recogniser
from guise.models.errors import WeightsError
from guise.models.networks.facenet import read_graph
from guise.models.weights.weight_file import locate


@pytest.fixture(scope="module")
def crops():
    portrait = data.astronaut()
    return np.stack([transform.resize(portrait[top : top + 200, 130:330], (160, 160)) for top in (0, 20)])


def test_embeddings_are_those_of_the_graph(crops):
    """As OpenCV's own reader of TensorFlow's graphs computes them."""
    images = torch.from_numpy(crops).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        embeddings = load_recogniser("facenet", offline=True)(images).numpy()
    reference = cv2.dnn.readNetFromTensorflow(str(locate(get("facenet"))))
    for image, embedding in zip(images.numpy(), embeddings, strict=True):
        reference.setInput((255 * image[None] - 127.5) / 128)
        expected = reference.forward()[0]
        assert abs(embedding - expected).max() < 1e-4
        assert embedding @ expected > 0.99999


def test_what_is_no_such_graph_is_refused(tmp_path):
    (tmp_path / "text.pb").write_bytes(b"no graph")
    with pytest.raises(WeightsError, match="not a TensorFlow graph"):
        read_graph(tmp_path / "text.pb")
    (tmp_path / "empty.pb").write_bytes(b"")
    with pytest.raises(WeightsError, match="another network than InceptionResnetV1: no"):
        read_graph(tmp_path / "empty.pb")
    whole = locate(get("facenet")).read_bytes()
    (tmp_path / "half.pb").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(WeightsError, match="not a TensorFlow graph"):
        read_graph(tmp_path / "half.pb")
