import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from onnx.reference import ReferenceEvaluator
from skimage import data

from guise.models import get, load_recogniser
from guise.models.errors import WeightsError
from guise.models.networks.sface import read_weights
from guise.models.weights.weight_file import locate


@pytest.fixture(scope="module")
def crops():
    portrait = np.asarray(data.astronaut())
    return torch.from_numpy(np.stack([portrait[top : top + 112, 170:282] for top in (40, 70)])).permute(0, 3, 1, 2)


@pytest.fixture(scope="module")
def reference(crops):
    """What ONNX's own evaluator makes of the file; its weights are listed as inputs that have values."""
    model = onnx.load(locate(get("sface")))
    del model.graph.input[1:]
    evaluator = ReferenceEvaluator(model)
    return np.concatenate([evaluator.run(None, {"data": crop[None].float().numpy()})[0] for crop in crops])


def test_embeddings_are_those_of_the_file(crops, reference):
    with torch.no_grad():
        embeddings = load_recogniser("sface", offline=True)(crops.float() / 255).numpy()
    assert abs(embeddings - reference).max() < 1e-3 * abs(reference).max()
    cosines = (embeddings * reference).sum(1) / np.linalg.norm(embeddings, axis=1) / np.linalg.norm(reference, axis=1)
    assert cosines.min() > 0.99999


def test_what_is_no_such_network_is_refused(tmp_path):
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(WeightsError, match="not an ONNX file"):
        read_weights(tmp_path / "text.onnx")
    empty = helper.make_model(helper.make_graph([], "empty", [], []))
    (tmp_path / "empty.onnx").write_bytes(empty.SerializeToString())
    with pytest.raises(WeightsError, match="another network than SFace"):
        read_weights(tmp_path / "empty.onnx")


def test_a_file_with_a_tensor_of_another_shape_is_refused(tmp_path):
    model = onnx.load(locate(get("sface")))
    (gamma,) = (tensor for tensor in model.graph.initializer if tensor.name == "conv_1_relu_gamma")
    gamma.CopyFrom(onnx.numpy_helper.from_array(np.zeros((5, 1, 1), np.float32), gamma.name))
    (tmp_path / "other.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(WeightsError, match="another network than SFace"):
        read_weights(tmp_path / "other.onnx")
