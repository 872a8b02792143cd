import flip_evaluator
import numpy as np
import pytest
import torch
from skimage import data

from chameleon.perception.flip import FlipReference, flip


def face():
    return np.asarray(data.astronaut())[30:190, 150:300].astype(np.float32) / 255


def changed(kind):
    random, image = np.random.default_rng(0), face()
    if kind == "noise":
        image = image + random.normal(size=image.shape) * 0.03
    elif kind == "blotches":
        image = image + np.kron(random.normal(size=(20, 15, 3)), np.ones((8, 10, 1))) * 0.04
    elif kind == "colour":
        image = image * (0.9, 1.0, 1.2)
    elif kind == "other":
        image = random.uniform(size=image.shape)
    return np.clip(image, 0, 1).astype(np.float32)


def tensor(image):
    return torch.from_numpy(image).permute(2, 0, 1)[None]


@pytest.mark.parametrize("kind", ["noise", "blotches", "colour", "other"])
def test_map_is_that_of_the_reference_implementation(kind):
    expected, mean, _ = flip_evaluator.evaluate(face(), changed(kind), "LDR", applyMagma=False)
    ours = FlipReference(tensor(face())).map(tensor(changed(kind)))[0].numpy()
    np.testing.assert_allclose(ours, expected.squeeze(), atol=2e-3)
    assert abs(ours.mean() - mean) < 2e-4


def test_an_identical_image_differs_by_almost_nothing():
    assert float(flip(tensor(face()), tensor(face()))) < 1e-3


def test_gradient_is_finite_even_where_nothing_differs():
    image = tensor(face()).requires_grad_(True)
    flip(tensor(face()), image).sum().backward()
    assert image.grad.isfinite().all()


def test_gradient_is_that_of_finite_differences():
    reference = tensor(face()[40:72, 40:72]).double()
    image = (reference + 0.05 * torch.rand(reference.shape, generator=torch.manual_seed(0))).clamp(0.05, 0.95)
    image.requires_grad_(True)
    flip(reference, image).sum().backward()
    direction = torch.rand(reference.shape, generator=torch.manual_seed(1), dtype=torch.float64) - 0.5
    step = 1e-5
    with torch.no_grad():
        slope = (flip(reference, image + step * direction) - flip(reference, image - step * direction)) / (2 * step)
    assert float((image.grad * direction).sum()) == pytest.approx(float(slope), rel=1e-3)


def test_batches_are_compared_image_by_image():
    images = torch.cat([tensor(changed(kind)) for kind in ("noise", "blotches")])
    together = flip(tensor(face()), images)
    apart = torch.cat([flip(tensor(face()), image[None]) for image in images])
    torch.testing.assert_close(together, apart)
