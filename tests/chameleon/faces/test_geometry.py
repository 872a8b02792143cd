import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from guise.chameleon.faces import geometry


def random_transform(random, *, scale=1.0):
    angle = random.uniform(-3, 3)
    rotation = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return np.column_stack([rotation, random.uniform(-50, 50, 2)])


@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 10))
def test_alignment_recovers_the_transform_that_made_the_points(seed, scale):
    random = np.random.default_rng(seed)
    transform = random_transform(random, scale=scale)
    points = random.uniform(0, 100, (5, 2))
    fitted = geometry.align(points, geometry.apply(transform, points))
    np.testing.assert_allclose(fitted, transform, atol=1e-8)
    assert np.isclose(geometry.scale_of(fitted), scale)


@given(seed=st.integers(0, 1000))
def test_alignment_is_the_least_squares_one(seed):
    random = np.random.default_rng(seed)
    source, target = random.uniform(0, 100, (2, 5, 2))
    # The oracle: linear least squares over (a, b, x, y) of [[a, -b], [b, a]].
    rows = np.concatenate(
        [[(x, -y, 1, 0), (y, x, 0, 1)] for x, y in source],
    )
    a, b, x, y = np.linalg.lstsq(rows, target.reshape(-1), rcond=None)[0]
    np.testing.assert_allclose(geometry.align(source, target), [[a, -b, x], [b, a, y]], atol=1e-8)


def test_inverse_undoes_and_compose_chains():
    random = np.random.default_rng(0)
    first, then = random_transform(random, scale=2), random_transform(random, scale=0.3)
    points = random.uniform(0, 10, (4, 2))
    np.testing.assert_allclose(geometry.apply(geometry.inverse(first), geometry.apply(first, points)), points)
    chained = geometry.apply(geometry.compose(first, then), points)
    np.testing.assert_allclose(chained, geometry.apply(then, geometry.apply(first, points)))


def test_sampling_at_whole_pixels_gives_the_pixels():
    image = torch.rand(1, 3, 7, 9)
    shift = torch.tensor([[[1.0, 0, 2], [0, 1, 3]]], dtype=torch.float64)
    part = geometry.sample(image, geometry.sampling_grid(shift, height=4, width=5))
    torch.testing.assert_close(part, image[:, :, 3:7, 2:7], atol=1e-6, rtol=0)


def test_crop_of_a_linear_ramp_is_exact():
    y, x = np.mgrid[:60, :80]
    pixels = np.stack([2 * x, 3 * y, x + y], axis=-1).astype(np.uint8)
    to_crop = np.array([[0.8, 0.1, -20.0], [-0.1, 0.8, -10.0]])
    crop = geometry.crop(pixels, to_crop, size=16)
    ys, xs = np.mgrid[:16, :16]
    source = geometry.apply(geometry.inverse(to_crop), np.stack([xs.ravel(), ys.ravel()], 1).astype(float))
    expected = np.stack([2 * source[:, 0], 3 * source[:, 1], source.sum(1)]).reshape(3, 16, 16) / 255
    np.testing.assert_allclose(crop.numpy(), expected, atol=1e-4)


def test_crop_that_shrinks_does_not_alias():
    checkers = np.indices((256, 256)).sum(0) % 2 * 255
    pixels = np.repeat(checkers[..., None], 3, axis=2).astype(np.uint8)
    crop = geometry.crop(pixels, np.array([[0.25, 0, 0], [0, 0.25, 0.0]]), size=60)
    assert crop.std() < 0.01
    assert abs(float(crop.mean()) - 0.5) < 0.01


def test_crop_beyond_the_border_repeats_the_edge():
    pixels = np.full((20, 20, 3), 200, np.uint8)
    crop = geometry.crop(pixels, np.array([[1.0, 0, 15], [0, 1.0, 15]]), size=40)
    torch.testing.assert_close(crop, torch.full_like(crop, 200 / 255))
