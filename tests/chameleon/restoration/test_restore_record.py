import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guise.chameleon.faces import geometry
from guise.chameleon.mask.mask import Mask, Placement, add
from guise.chameleon.restoration.restore_record import make_restore_record, restore, take_off
from guise.models.errors import ImageError
from guise.models.files import Photo

RANDOM = np.random.default_rng(0)
MASK = Mask(
    RANDOM.uniform(-20 / 255, 20 / 255, (3, geometry.CANVAS, geometry.CANVAS)).astype(np.float32),
    geometry.CANONICAL_TEMPLATE,
    16 / 255,
)


def a_photo(pixels, *, lossless=True):
    return Photo(
        pixels=pixels,
        alpha=None,
        format="PNG",
        grey=False,
        lossless=lossless,
        icc_profile=None,
        exif=None,
        sha256="",
        notes=(),
    )


def protected(pixels, placements):
    height, width = pixels.shape[:2]
    for placement in placements:
        pixels = add(pixels, MASK.patch(placement, height=height, width=width))
    return pixels


def placed(x, *, refinement=None):
    return Placement(np.array([[1.0, 0.1, x], [-0.1, 1.0, 5.0]]), 1.5, refinement=refinement)


@settings(max_examples=15)
@given(st.integers(0, 2**32 - 1), st.booleans(), st.lists(st.floats(-60, 60), min_size=1, max_size=3))
def test_a_lossless_copy_comes_back_to_the_bit_even_where_it_clipped(seed, refined, places):
    random = np.random.default_rng(seed)
    pixels = random.choice(np.array([0, 3, 128, 250, 255], np.uint8), (90, 110, 3))
    refinement = random.integers(-20, 21, MASK.values.shape).astype(np.int8) if refined else None
    placements = [placed(x, refinement=refinement) for x in places]
    saved = protected(pixels, placements)
    record = json.loads(json.dumps(make_restore_record("a.png", a_photo(pixels), saved, placements, MASK)))
    restored = restore(saved, record, MASK)
    assert restored.exact
    np.testing.assert_array_equal(restored.pixels, pixels)


def test_a_lossy_copy_comes_back_without_what_clipped():
    pixels = RANDOM.choice(np.array([0, 128, 255], np.uint8), (90, 110, 3))
    saved = protected(pixels, [placed(0)])
    record = make_restore_record("a.jpg", a_photo(pixels, lossless=False), saved, [placed(0)], MASK)
    restored = restore(saved, record, MASK)
    assert record["clipped"] is None and not restored.exact
    np.testing.assert_array_equal(restored.pixels, take_off(saved, [placed(0)], MASK))
    middle = pixels == 128
    np.testing.assert_array_equal(restored.pixels[middle], pixels[middle])


def test_another_mask_is_noticed():
    pixels = RANDOM.integers(0, 256, (90, 110, 3), dtype=np.uint8)
    saved = protected(pixels, [placed(0)])
    record = make_restore_record("a.png", a_photo(pixels), saved, [placed(0)], MASK)
    assert not restore(saved, record, replace(MASK, values=-MASK.values)).exact


@pytest.mark.parametrize(
    "changes",
    [{"placements": 3}, {"placements": [{}]}, {"clipped": "x"}, {"clipped": 3}, {"original": None, "placements": None}],
)
def test_a_damaged_record_is_an_image_error(changes):
    pixels = RANDOM.integers(0, 256, (20, 20, 3), dtype=np.uint8)
    record = {**make_restore_record("a.png", a_photo(pixels), pixels, [], MASK), **changes}
    with pytest.raises(ImageError, match="its restore record is damaged"):
        restore(pixels.copy(), record, MASK)
