import numpy as np
import pytest
import torch
from PIL import Image

from guise.chameleon.faces import geometry
from guise.chameleon.faces.crop import FaceCrop
from guise.chameleon.faces.detection import Face
from guise.chameleon.learning.appearance import Appearance
from guise.chameleon.mask.mask import Mask
from guise.chameleon.mask.support import face_support
from guise.chameleon.visibility.budget import STRENGTHS
from tests.chameleon.masking import seen_on

BUDGET = STRENGTHS["mid"]


def shading(amount, *, spots=20):
    """A smooth perturbation of the face, of so many spots along a side: float32 (1, 3, CANVAS, CANVAS)."""
    coarse = torch.randn(1, 3, spots, spots, generator=torch.Generator().manual_seed(0))
    smooth = torch.nn.functional.interpolate(coarse, size=(geometry.CANVAS,) * 2, mode="bicubic")
    return amount / 255 * smooth * face_support()


def enlarged(face, factor):
    height, width = face.pixels.shape[:2]
    image = Image.fromarray(face.pixels).resize((factor * width, factor * height), Image.Resampling.BICUBIC)
    moved = Face(factor * face.face.box, factor * face.face.landmarks, face.face.confidence)
    return FaceCrop(np.asarray(image), moved, face.grey)


def shares(face, perturbation):
    appearance = Appearance([face], device=torch.device("cpu"))
    return appearance, appearance.shares(perturbation, torch.tensor([0]), BUDGET)[0]


@pytest.mark.parametrize("factor", [1, 3])
def test_a_share_of_flip_is_near_what_the_photo_shows_at_any_size(faces, factor):
    face = enlarged(faces[0], factor)
    _, (_, flip, _) = shares(face, shading(6))
    mask = Mask(shading(6)[0].numpy(), geometry.CANONICAL_TEMPLATE, 24 / 255)
    assert float(flip) == pytest.approx(seen_on(face, mask).flip / BUDGET.flip, rel=0.2)


def test_the_same_mask_on_a_larger_face_is_more_visible(faces):
    (_, small), (_, large) = (shares(enlarged(faces[0], factor), shading(6, spots=100)) for factor in (1, 4))
    assert large[1] > 1.1 * small[1]


def test_after_calibration_shares_are_those_of_the_photo(faces):
    face = enlarged(faces[0], 3)
    appearance, before = shares(face, shading(6))
    measured = seen_on(face, Mask(shading(6)[0].numpy(), geometry.CANONICAL_TEMPLATE, 24 / 255))
    appearance.calibrate(0, before, measured, BUDGET)
    after = appearance.shares(shading(6), torch.tensor([0]), BUDGET)[0]
    expected = [(1 - measured.ssim) / (1 - BUDGET.ssim), measured.flip / BUDGET.flip]
    torch.testing.assert_close(after[:2], torch.tensor(expected, dtype=torch.float32), rtol=1e-4, atol=1e-4)


def test_coloured_spots_use_up_the_share_of_flecks_and_grey_ones_do_not(faces):
    grey = shading(8).mean(1, keepdim=True).expand(-1, 3, -1, -1)
    coloured = torch.cat([grey[:, :1], -grey[:, :1], grey[:, :1]], 1)
    (_, of_grey), (_, of_colour) = (shares(faces[0], perturbation) for perturbation in (grey, coloured))
    assert of_colour[2] > 2 * of_grey[2]


def test_gradients_are_finite(faces):
    perturbation = shading(3).requires_grad_(True)
    appearance = Appearance(faces, device=torch.device("cpu"))
    appearance.shares(perturbation, torch.arange(len(faces)), BUDGET).sum().backward()
    assert perturbation.grad.isfinite().all() and perturbation.grad.abs().max() > 0
