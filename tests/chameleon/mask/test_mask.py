import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from guise.chameleon.faces import geometry
from guise.chameleon.mask.mask import Mask, Placement, add, subtract
from guise.chameleon.mask.support import face_support, support_of


def a_mask(*, largest=20 / 255, epsilon=16 / 255, seed=0):
    values = np.random.default_rng(seed).uniform(-largest, largest, (3, geometry.CANVAS, geometry.CANVAS))
    return Mask(values.astype(np.float32), geometry.CANONICAL_TEMPLATE, epsilon)


def placed(*, scale=1.0, angle=0.1, x=0.0, y=0.0, amplitude=1.0, grey=False):
    """A photo in which a canonical pixel is `scale` pixels wide."""
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]) / scale
    return Placement(np.column_stack([rotation, (x, y)]), amplitude, grey)


@settings(max_examples=25, deadline=None)
@given(
    scale=st.floats(0.2, 3),
    angle=st.floats(-3, 3),
    x=st.floats(-100, 100),
    y=st.floats(-100, 100),
    amplitude=st.floats(0, 4),
)
def test_mask_never_exceeds_epsilon_after_rounding(scale, angle, x, y, amplitude):
    pixels = np.random.default_rng(1).integers(0, 256, (90, 120, 3), dtype=np.uint8)
    patch = a_mask().patch(placed(scale=scale, angle=angle, x=x, y=y, amplitude=amplitude), height=90, width=120)
    difference = add(pixels, patch).astype(int) - pixels
    assert abs(difference).max(initial=0) <= 16


@pytest.mark.parametrize("scale", [0.3, 1.0, 2.5])
def test_subtracting_restores_every_pixel_that_did_not_clip(scale):
    pixels = np.random.default_rng(1).integers(16, 240, (150, 170, 3), dtype=np.uint8)
    patch = a_mask().patch(placed(scale=scale, amplitude=2), height=150, width=170)
    protected = add(pixels, patch)
    assert (protected != pixels).any()
    np.testing.assert_array_equal(subtract(protected, patch), pixels)


def test_outside_its_frame_nothing_changes_and_the_photo_given_is_untouched():
    pixels = np.full((400, 400, 3), 128, np.uint8)
    before = pixels.copy()
    patch = a_mask().patch(placed(angle=0, x=-100, y=-50), height=400, width=400)
    changed = (add(pixels, patch) != pixels).any(axis=2)
    np.testing.assert_array_equal(pixels, before)
    assert changed[50:210, 100:260].mean() > 0.9
    changed[49:211, 99:261] = False
    assert not changed.any()


def test_a_face_wholly_outside_gets_an_empty_patch():
    patch = a_mask().patch(placed(x=5000), height=50, width=60)
    assert patch.levels.size == 0
    pixels = np.zeros((50, 60, 3), np.uint8)
    np.testing.assert_array_equal(add(pixels, patch), pixels)


def test_at_scale_one_the_values_are_those_of_the_mask():
    mask = a_mask(largest=10 / 255)
    size = mask.size
    rows, columns, warped = mask.warp(placed(angle=0).to_canonical, height=size, width=size)
    assert (rows, columns) == (slice(0, size), slice(0, size))
    np.testing.assert_allclose(warped, mask.values.transpose(1, 2, 0), atol=1e-12)


def test_on_a_small_face_the_mask_is_averaged_not_sampled():
    mask = a_mask()
    _, _, warped = mask.warp(placed(scale=0.125, angle=0).to_canonical, height=20, width=20)
    assert warped.std() < 0.3 * mask.values.std()


def test_a_grey_photo_gets_one_value_in_all_channels():
    patch = a_mask().patch(placed(grey=True), height=160, width=160)
    assert (patch.levels == patch.levels[..., :1]).all()
    assert patch.levels.any()


def test_digest_tells_masks_apart():
    assert a_mask().digest == a_mask().digest
    assert len({a_mask(seed=0).digest, a_mask(seed=1).digest, a_mask(epsilon=8 / 255).digest}) == 3


def test_support_covers_the_face_and_fades_out_before_the_frame_ends():
    support = face_support()[0].numpy()
    for x, y in geometry.CANONICAL_TEMPLATE:
        assert support[round(y), round(x)] == 1
    border = np.concatenate([support[0], support[-1], support[:, 0], support[:, -1]])
    assert border.max() == 0
    assert max(abs(np.diff(support, axis=0)).max(), abs(np.diff(support, axis=1)).max()) < 0.12


def test_the_support_of_a_face_ends_where_the_background_begins(astronaut, detector):
    pixels = np.asarray(astronaut).copy()
    face = detector.detect(pixels)[0]
    to_canonical = face.to_template(geometry.CANONICAL_TEMPLATE)
    canonical = geometry.crop(pixels, to_canonical, size=geometry.CANVAS)
    # A cut-out of the head: right of the cheek a plain wall begins.
    walled = canonical.clone()
    walled[:, :, 124:] = torch.tensor([0.2, 0.5, 0.3]).view(3, 1, 1)
    own, generic = support_of(walled)[0].numpy(), face_support()[0].numpy()
    assert generic[:, 128:].max() > 0.5 and own[:, 130:].max() < 0.2
    for x, y in geometry.CANONICAL_TEMPLATE:
        assert own[round(y), round(x)] > 0.95
    assert (own <= generic + 1e-6).all()
