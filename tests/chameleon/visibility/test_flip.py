import flip_evaluator
import numpy as np
import pytest
import torch
from skimage import data

from guise.chameleon.visibility.flip import FlipReference, pooled


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


def both(reference, images):
    """Mean and peak, one row each."""
    return torch.stack(pooled(FlipReference(reference).map(images)))


@pytest.mark.parametrize("kind", ["noise", "blotches", "colour", "other"])
def test_map_is_that_of_the_reference_implementation(kind):
    expected, mean, _ = flip_evaluator.evaluate(face(), changed(kind), "LDR", applyMagma=False)
    ours = FlipReference(tensor(face())).map(tensor(changed(kind)))[0].numpy()
    np.testing.assert_allclose(ours, expected.squeeze(), atol=2e-3)
    assert abs(ours.mean() - mean) < 2e-4


def test_an_identical_image_differs_by_almost_nothing():
    assert float(both(tensor(face()), tensor(face())).max()) < 2e-3


def test_gradient_is_finite_even_where_nothing_differs():
    image = tensor(face()).requires_grad_(True)
    both(tensor(face()), image).sum().backward()
    assert image.grad.isfinite().all()


def test_gradient_is_that_of_finite_differences():
    reference = tensor(face()[40:72, 40:72]).double()
    image = (reference + 0.05 * torch.rand(reference.shape, generator=torch.manual_seed(0))).clamp(0.05, 0.95)
    image.requires_grad_(True)
    both(reference, image).sum().backward()
    direction = torch.rand(reference.shape, generator=torch.manual_seed(1), dtype=torch.float64) - 0.5
    step = 1e-5
    with torch.no_grad():
        ahead, behind = both(reference, image + step * direction), both(reference, image - step * direction)
    assert float((image.grad * direction).sum()) == pytest.approx(float((ahead - behind).sum() / (2 * step)), rel=1e-3)


def test_batches_are_compared_image_by_image():
    images = torch.cat([tensor(changed(kind)) for kind in ("noise", "blotches")])
    together = both(tensor(face()), images)
    apart = torch.cat([both(tensor(face()), image[None]) for image in images], 1)
    torch.testing.assert_close(together, apart)


def test_the_peak_is_that_of_spots_and_the_mean_forgives_them():
    even, spot = torch.full((1, 50, 50), 0.05), torch.full((1, 50, 50), 0.04)
    spot[0, :5, :10] += 0.5
    (mean_even, peak_even), (mean_spot, peak_spot) = pooled(even), pooled(spot)
    assert float(mean_even) == pytest.approx(float(mean_spot)) and float(peak_even) == pytest.approx(0.05)
    assert float(peak_spot) > 5 * float(peak_even)
