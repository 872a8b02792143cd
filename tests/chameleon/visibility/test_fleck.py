import numpy as np
import pytest
import torch
from skimage import data

from guise.chameleon.visibility.fleck import FleckReference, flecks, seen_colours


def face():
    return data.astronaut()[30:190, 150:300]


def spotted(amount):
    """The face with a red spot of 12 x 12 pixels on the cheek."""
    changed = face().astype(int)
    changed[90:102, 60:72] += np.array([amount, -amount // 2, -amount // 2])
    return np.clip(changed, 0, 255).astype(np.uint8)


def fleck_map(original, changed):
    return flecks(seen_colours(original), seen_colours(changed))


def tensor(pixels):
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255


def test_a_spot_of_colour_is_seen_where_it_is_and_grows_with_the_colour():
    faint, strong = (fleck_map(face(), spotted(amount)) for amount in (10, 30))
    assert 1 < faint[96, 66] < strong[96, 66]
    assert strong[:60].max() == 0


def test_light_and_dark_are_no_flecks():
    lighter = np.clip(face().astype(int) + 8, 0, 255).astype(np.uint8)
    assert np.median(fleck_map(face(), lighter)) < 1.5
    assert np.median(fleck_map(face(), spotted(0))) == 0


def test_colours_that_alternate_from_pixel_to_pixel_are_averaged():
    alternating = face().astype(int)
    alternating[..., 0] += 16 * ((np.indices(face().shape[:2]).sum(0) % 2) * 2 - 1)
    even = np.clip(face() + np.array([16, 0, 0]), 0, 255).astype(np.uint8)
    fine = fleck_map(face(), np.clip(alternating, 0, 255).astype(np.uint8))
    assert np.median(fine) < 0.4 * np.median(fleck_map(face(), even))


@pytest.mark.parametrize("amount", [6, 15, 30])
def test_the_differentiable_form_is_near_the_formula(amount):
    exact = fleck_map(face(), spotted(amount))
    near = FleckReference(tensor(face())).map(tensor(spotted(amount)))[0].numpy()
    seen = exact > 1
    np.testing.assert_allclose(near[seen], exact[seen], rtol=0.12)


def test_its_gradient_is_finite_even_where_nothing_differs():
    image = tensor(face()).requires_grad_(True)
    FleckReference(tensor(face())).map(image).sum().backward()
    assert image.grad.isfinite().all()
