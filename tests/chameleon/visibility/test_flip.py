import flip_evaluator
import numpy as np
import pytest
import torch
from scipy.ndimage import zoom
from skimage import data
from skimage.color import rgb2lab

from guise.chameleon.visibility.flip import PIXELS_PER_DEGREE, FlipReference, to_lab


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


def mean(reference, images):
    return FlipReference(reference).map(images).mean(dim=(1, 2))


@pytest.mark.parametrize("kind", ["noise", "blotches", "colour", "other"])
def test_map_is_that_of_the_reference_implementation(kind):
    expected, expected_mean, _ = flip_evaluator.evaluate(face(), changed(kind), "LDR", applyMagma=False)
    ours = FlipReference(tensor(face())).map(tensor(changed(kind)))[0].numpy()
    np.testing.assert_allclose(ours, expected.squeeze(), atol=2e-3)
    assert abs(ours.mean() - expected_mean) < 2e-4


def test_an_identical_image_differs_by_almost_nothing():
    assert float(mean(tensor(face()), tensor(face())).max()) < 2e-3


def test_gradient_is_finite_even_where_nothing_differs():
    image = tensor(face()).requires_grad_(True)
    mean(tensor(face()), image).sum().backward()
    assert image.grad.isfinite().all()


def test_gradient_is_that_of_finite_differences():
    reference = tensor(face()[40:72, 40:72]).double()
    image = (reference + 0.05 * torch.rand(reference.shape, generator=torch.manual_seed(0))).clamp(0.05, 0.95)
    image.requires_grad_(True)
    mean(reference, image).sum().backward()
    direction = torch.rand(reference.shape, generator=torch.manual_seed(1), dtype=torch.float64) - 0.5
    step = 1e-5
    with torch.no_grad():
        ahead, behind = mean(reference, image + step * direction), mean(reference, image - step * direction)
    assert float((image.grad * direction).sum()) == pytest.approx(float((ahead - behind).sum() / (2 * step)), rel=1e-3)


def test_batches_are_compared_image_by_image():
    images = torch.cat([tensor(changed(kind)) for kind in ("noise", "blotches")])
    together = mean(tensor(face()), images)
    apart = torch.cat([mean(tensor(face()), image[None]) for image in images])
    torch.testing.assert_close(together, apart)


@pytest.mark.parametrize("larger", [2, 4])
def test_a_reduced_image_seen_from_as_much_farther_away_shows_nearly_the_same_difference(larger):
    image, random = face(), np.random.default_rng(0)
    spots = zoom(random.normal(size=(40, 38, 3)), (4, 150 / 38, 1), order=3) * 0.04
    large, large_spots = (zoom(pixels, (larger, larger, 1), order=3) for pixels in (image, spots))
    whole = flip_evaluator.evaluate(
        np.clip(large, 0, 1).astype(np.float32), np.clip(large + large_spots, 0, 1).astype(np.float32), "LDR"
    )[1]
    reduced = FlipReference(tensor(image), pixels_per_degree=PIXELS_PER_DEGREE / larger)
    seen = reduced.map(tensor(np.clip(image + spots, 0, 1).astype(np.float32)))
    assert float(seen.mean()) == pytest.approx(whole, rel=0.06)


def test_lab_is_that_of_scikit_image():
    ours = to_lab(tensor(face()))[0].permute(1, 2, 0).numpy()
    np.testing.assert_allclose(ours, rgb2lab(face()), atol=0.05)
