import numpy as np
import pytest
import torch

from guise.chameleon.faces import geometry
from guise.chameleon.learning.on_photo import seen_on, within_budget
from guise.chameleon.mask.mask import Mask
from guise.chameleon.mask.support import face_support
from guise.chameleon.visibility.budget import STRENGTHS, Budget

BUDGET = STRENGTHS["mid"]


def spots(amount, *, colour):
    """A mask of smooth spots, grey or coloured, most of them weak and some strong."""
    random = torch.Generator().manual_seed(0)
    coarse = torch.randn(1, 3 if colour else 1, 24, 24, generator=random) ** 3
    smooth = torch.nn.functional.interpolate(coarse, size=(geometry.CANVAS,) * 2, mode="bicubic")
    values = (amount / 255 * smooth.expand(-1, 3, -1, -1) * face_support()).clamp(-24 / 255, 24 / 255)
    return Mask(values[0].numpy(), geometry.CANONICAL_TEMPLATE, 24 / 255)


@pytest.mark.parametrize("colour", [False, True])
def test_a_mask_is_cut_until_the_photo_is_within_the_budget(faces, colour):
    mask = spots(8, colour=colour)
    fitted = within_budget(faces[0], mask, BUDGET)
    assert BUDGET.spent(seen_on(faces[0], mask)) > 1 >= BUDGET.spent(seen_on(faces[0], fitted))
    assert abs(fitted.values).mean() > 0.3 * abs(mask.values).mean()


def test_where_flecks_alone_are_too_much_only_the_colour_is_cut(faces):
    mask = spots(3, colour=True)
    grey = np.tensordot([0.299, 0.587, 0.114], mask.values, 1)
    before = seen_on(faces[0], mask)
    assert BUDGET.flecks_spent(before) > 1
    fitted = within_budget(faces[0], mask, Budget(0.5, 0.5, BUDGET.fleck, BUDGET.largest_fleck))
    np.testing.assert_allclose(np.tensordot([0.299, 0.587, 0.114], fitted.values, 1), grey, atol=1e-6)
    assert abs(fitted.values - grey).mean() < 0.95 * abs(mask.values - grey).mean()


def test_a_mask_within_the_budget_stays_as_it_is(faces):
    mask = spots(0.04, colour=False)
    np.testing.assert_allclose(within_budget(faces[0], mask, BUDGET).values, mask.values, atol=1e-7)
