import pytest

from guise.chameleon.protection.effort import FAST, USUAL
from guise.models.errors import InputError


def test_the_fast_effort_does_less_in_every_respect():
    fast, usual = FAST.refinement, USUAL.refinement
    assert 0 < fast.steps < usual.steps and fast.tries < usual.tries and FAST.patience == 0 < USUAL.patience


def test_single_numbers_may_be_asked_for():
    assert FAST.with_own(None, None) == FAST
    own = FAST.with_own(7, 2)
    assert (own.refinement.steps, own.patience, own.refinement.tries) == (7, 2, FAST.refinement.tries)


@pytest.mark.parametrize(("refine", "patience", "named"), [(-1, None, "refine=-1"), (None, 11, "patience=11")])
def test_numbers_out_of_range_are_named(refine, patience, named):
    with pytest.raises(InputError, match=named):
        USUAL.with_own(refine, patience)
