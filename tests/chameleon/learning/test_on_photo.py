import numpy as np
import pytest
import torch

from guise.chameleon.faces import geometry
from guise.chameleon.learning.on_photo import within_budget
from guise.chameleon.mask.mask import Mask
from guise.chameleon.mask.support import face_support
from guise.chameleon.visibility.budget import STRENGTHS, Budget
from tests.chameleon.masking import meter, seen_on

BUDGET = STRENGTHS["mid"]


def spots(amount, *, colour, power=3):
    """A mask of smooth spots, grey or coloured; the higher the power, the fewer are strong."""
    random = torch.Generator().manual_seed(0)
    coarse = torch.randn(1, 3 if colour else 1, 24, 24, generator=random) ** power
    smooth = torch.nn.functional.interpolate(coarse, size=(geometry.CANVAS,) * 2, mode="bicubic")
    values = (amount / 255 * smooth.expand(-1, 3, -1, -1) * face_support()).clamp(-24 / 255, 24 / 255)
    return Mask(values[0].numpy(), geometry.CANONICAL_TEMPLATE, 24 / 255)


@pytest.mark.parametrize("colour", [False, True])
def test_a_mask_is_cut_until_the_photo_is_within_the_budget(faces, colour):
    mask = spots(8, colour=colour)
    fitted = within_budget(meter(faces[0]), mask, BUDGET)
    assert BUDGET.spent(seen_on(faces[0], mask)) > 1 >= BUDGET.spent(seen_on(faces[0], fitted))
    assert abs(fitted.values).mean() > 0.3 * abs(mask.values).mean()


def test_a_mask_is_made_as_strong_as_the_budget_allows_and_its_colour_as_flecks_allow(faces):
    loose = Budget(0.5, 0.5, BUDGET.fleck, BUDGET.largest_fleck)
    mask = spots(3, colour=True)
    luma = np.tensordot([0.299, 0.587, 0.114], mask.values, 1)
    assert loose.flecks_spent(seen_on(faces[0], mask)) > 1
    fitted = within_budget(meter(faces[0]), mask, loose)
    assert loose.flecks_spent(seen_on(faces[0], fitted)) <= 1
    fitted_luma = np.tensordot([0.299, 0.587, 0.114], fitted.values, 1)
    assert abs(fitted_luma).mean() > 1.5 * abs(luma).mean()
    assert abs(fitted.values - fitted_luma).mean() < abs(mask.values - luma).mean()


def test_a_weak_mask_grows_to_twice_its_strength_at_most(faces):
    mask = spots(0.04, colour=False)
    np.testing.assert_allclose(within_budget(meter(faces[0]), mask, BUDGET).values, 2 * mask.values, atol=1e-7)


def test_a_mask_that_grows_uses_the_budget_and_keeps_its_bound(faces):
    mask = spots(2, colour=False, power=1)
    by_structure = Budget(0.99, 0.5, 30, 60)
    before, fitted = by_structure.spent(seen_on(faces[0], mask)), within_budget(meter(faces[0]), mask, by_structure)
    assert before < 0.8
    assert 0.85 < by_structure.spent(seen_on(faces[0], fitted)) <= 1
    assert 1.05 < abs(fitted.values).mean() / abs(mask.values).mean() < 1.95
    assert abs(fitted.values).max() <= mask.epsilon
