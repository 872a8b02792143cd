import numpy as np
import pytest

from benchmarks.synthesis.looks import compared, histogram_distance, looks, sheet


def smooth(count=20, side=32):
    random = np.random.default_rng(0)
    coarse = random.integers(40, 200, (count, side // 8, side // 8, 1))
    return np.kron(coarse, np.ones((1, 8, 8, 1))).astype(np.uint8)


def board(side=32):
    at = np.arange(side)
    return ((at[:, None] + at) % 2)[None, :, :, None]


def test_a_checkerboard_is_told_by_its_energy():
    images = smooth()
    painted = images + 10 * board().astype(np.uint8)
    energy = images[..., 0].astype(float).var((1, 2)).mean()
    expected = 25 / (energy + 25)  # values of 0 and 10 have a variance of 25
    assert looks(painted).checkerboard - looks(images).checkerboard == pytest.approx(expected, rel=0.1)
    assert compared(painted, images)["checkerboard_ratio"] > 5


def test_contrast_and_saturation_are_measured_in_grey_levels():
    images = np.zeros((4, 8, 8, 3), np.uint8)
    images[:, :4] = 100
    assert looks(images).contrast == (50, 50, 50) and looks(images).saturated == 0.5


def test_histograms_that_are_shifted_lie_apart_by_the_shift():
    images = smooth()
    assert histogram_distance(images, images + 7) == pytest.approx(7)
    assert histogram_distance(images, images) == 0


def test_a_sheet_has_rows_of_each_class():
    images, labels = smooth(6, 16), np.array([0, 0, 1, 1, 1, 0])
    drawn = sheet(images, labels, columns=4)
    assert drawn.shape == (6 * 96, 4 * 96, 1)
    small = drawn[::6, ::6]
    assert np.array_equal(small[:16, :16], images[0]) and np.array_equal(small[48:64, :16], images[2])
