from __future__ import annotations

import numpy as np
import pytest
import skimage.data

from guise.chameleon.transforms import TRANSFORMS, blurred, resized
from guise.chameleon.visibility.psnr import psnr

PORTRAIT = skimage.data.astronaut()[:201, 100:331]


@pytest.mark.parametrize("name", TRANSFORMS)
def test_size_and_type_stay_and_the_picture_changes_a_little(name: str) -> None:
    before = PORTRAIT.copy()
    after = TRANSFORMS[name](PORTRAIT)
    assert after.shape == PORTRAIT.shape and after.dtype == np.uint8
    assert 20 < psnr(PORTRAIT, after) < 50
    np.testing.assert_array_equal(PORTRAIT, before)


@pytest.mark.parametrize("name", TRANSFORMS)
def test_a_single_pixel_survives(name: str) -> None:
    assert TRANSFORMS[name](PORTRAIT[:1, :1]).shape == (1, 1, 3)


def test_stronger_compression_and_shrinking_lose_more() -> None:
    loss = {name: psnr(PORTRAIT, transform(PORTRAIT)) for name, transform in TRANSFORMS.items()}
    assert loss["jpeg50"] < loss["jpeg70"] < loss["jpeg90"]
    assert loss["resize0.25"] < loss["resize0.5"]


def test_resizing_takes_out_what_the_small_version_cannot_hold() -> None:
    stripes = np.zeros((64, 64, 3), np.uint8)
    stripes[:, ::2] = 255
    assert np.ptp(resized(stripes, factor=0.25)[8:-8, 8:-8].astype(int)) < 16


def test_blur_has_the_given_width() -> None:
    dot = np.zeros((41, 41, 3), np.uint8)
    dot[18:23, 18:23] = 255
    seen = blurred(dot, sigma=2.0)[..., 0].astype(float)
    x = np.arange(41) - 20
    variance = (seen.sum(0) * x**2).sum() / seen.sum()
    # The square's own variance and the blur's add up.
    assert variance == pytest.approx(2.0 + 4.0, rel=0.15)
