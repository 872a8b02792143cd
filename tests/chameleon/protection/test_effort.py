import pytest

from guise.chameleon.protection.effort import USUAL
from guise.models.errors import InputError


def test_single_numbers_may_be_asked_for():
    assert USUAL.with_own(None, None) == USUAL
    own = USUAL.with_own(7, 2)
    assert (own.refinement.steps, own.patience, own.refinement.tries) == (7, 2, USUAL.refinement.tries)


@pytest.mark.parametrize(("refine", "patience", "named"), [(-1, None, "refine=-1"), (None, 11, "patience=11")])
def test_numbers_out_of_range_are_named(refine, patience, named):
    with pytest.raises(InputError, match=named):
        USUAL.with_own(refine, patience)
