"""Opponents get hold of a mask that they are given every chance to see, and taking it off brings the photo back."""

import numpy as np
import pytest
import torch

from benchmarks import attacks
from guise.chameleon import demo
from guise.chameleon.faces import geometry
from guise.chameleon.faces.detection import FaceDetector
from guise.chameleon.mask.mask import Mask, Placement, add
from guise.models.files import read_photo

AMPLITUDE = 1.0


@pytest.fixture(scope="module")
def detector():
    return FaceDetector()


@pytest.fixture(scope="module")
def mask():
    noise = torch.randn(1, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    fine = torch.nn.functional.interpolate(noise, size=(geometry.CANVAS,) * 2, mode="bilinear")[0].numpy()
    return Mask((0.03 * fine).astype(np.float32), geometry.CANONICAL_TEMPLATE, 1.0)


@pytest.fixture(scope="module")
def photos(tmp_path_factory, detector, mask):
    """(plain, masked, box) of eight photos."""
    folder = tmp_path_factory.mktemp("photos")
    demo.make_photos(folder)
    versions = []
    for path in sorted(folder.iterdir())[:8]:
        pixels = read_photo(path).pixels
        face = detector.detect(pixels)[0]
        placement = Placement(face.to_template(mask.template), AMPLITUDE)
        patch = mask.patch(placement, height=pixels.shape[0], width=pixels.shape[1])
        versions.append((pixels, add(pixels, patch), face.box))
    return versions


def alike(estimate, mask):
    """Correlation on the middle of the frame."""
    middle = (slice(None), slice(40, 120), slice(40, 120))
    return float(np.corrcoef(estimate.values[middle].ravel(), mask.values[middle].ravel())[0, 1])


def test_one_pair_gives_the_mask_away(photos, mask, detector):
    plain, masked, box = photos[0]
    estimate = attacks.difference_of(plain, masked, box, detector)
    assert alike(estimate, mask) > 0.8
    restored = attacks.without(masked, mask=estimate, amplitude=AMPLITUDE, detector=detector)
    errors = [np.abs(photo.astype(float) - plain).mean() for photo in (restored, masked)]
    assert errors[0] < 0.6 * errors[1]


def test_an_average_comes_nearer_to_the_mask_with_plain_photos_beside_it(photos, mask, detector):
    masked = [(pixels, box) for _, pixels, box in photos[:5]]
    plain = [(pixels, box) for pixels, _, box in photos[5:]]
    average, own = (attacks.average_of(seen, detector) for seen in (masked, plain))
    alone, helped = alike(attacks.mask_in(average), mask), alike(attacks.mask_in(average, own=own), mask)
    assert helped > alone + 0.05 and helped > 0.3


def test_photos_without_a_face_give_nothing_away(detector):
    nobody = [(np.full((200, 200, 3), 128, np.uint8), np.array([50.0, 50, 150, 150]))]
    assert attacks.mask_in(attacks.average_of(nobody, detector)) is None
