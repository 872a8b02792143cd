import numpy as np
import pytest

from guise.chameleon.faces import geometry
from guise.chameleon.mask.mask import Mask, Placement, add
from guise.chameleon.mask.support import face_support
from guise.chameleon.restoration.search import Masks, restore_by_search


@pytest.fixture(scope="module")
def mask():
    noise = np.random.default_rng(0).uniform(-12, 12, (3, geometry.CANVAS, geometry.CANVAS)) / 255
    return Mask((noise * face_support().numpy()).astype(np.float32), geometry.CANONICAL_TEMPLATE, 16 / 255)


@pytest.fixture(scope="module")
def photo(astronaut, detector):
    pixels = np.asarray(astronaut)
    return pixels, detector.detect(pixels)[0]


def protected(pixels, face, mask, amplitude=1.0):
    height, width = pixels.shape[:2]
    return add(pixels, mask.patch(Placement(face.to_template(mask.template), amplitude), height=height, width=width))


def test_the_search_takes_off_most_of_the_mask(photo, mask):
    pixels, face = photo
    saved = protected(pixels, face, mask)
    restored = restore_by_search(saved, [face], Masks(mask), grey=False)
    before, after = (((other.astype(float) - pixels) ** 2).mean() for other in (saved, restored.pixels))
    assert not restored.exact and after < before / 10


def test_a_photo_without_the_mask_is_left_alone(photo, mask):
    pixels, face = photo
    assert restore_by_search(pixels, [face], Masks(mask), grey=False) is None
    assert restore_by_search(pixels, [], Masks(mask), grey=False) is None


def test_of_several_refinements_the_one_on_the_photo_is_taken(photo, mask):
    pixels, face = photo
    random = np.random.default_rng(1)
    refinements = [random.integers(-30, 31, mask.values.shape).astype(np.int8) for _ in range(3)]
    for refinement in refinements:
        own = mask.refined(refinement)
        assert Masks(mask, refinements).clearest(protected(pixels, face, own), face).digest == own.digest
