import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guise.chameleon.protection import entries


@given(st.integers(0, 2**32 - 1), st.integers(2, 600))
def test_directions_are_kept_to_half_a_unit(seed, size):
    direction = np.random.default_rng(seed).normal(size=size)
    direction = (direction / np.linalg.norm(direction)).astype(np.float32)
    (kept,) = entries.directions_of({"standings": [{"net": entries._packed(direction)}]})
    assert abs(kept["net"] - direction).max() <= 0.5 / 127 + 1e-6


@pytest.mark.parametrize("garbled", [{}, {"standings": None}, {"standings": "x"}, {"standings": [3]}])
def test_an_entry_without_directions_has_none(garbled):
    assert entries.directions_of(garbled) == []


def test_faces_before_a_garbled_one_count():
    good = {"net": entries._packed(np.array([1.0, 0.0]))}
    assert len(entries.directions_of({"standings": [good, {"net": "???"}, good]})) == 1


@pytest.mark.parametrize("faces", [None, [], [{}], [{"box": [0, 0, 1, 1], "visibility": {"ssim": 1, "other": 2}}]])
def test_what_the_entry_does_not_say_as_this_program_does_is_not_believed(faces):
    assert entries.measurements({"faces": faces}) == ()
    assert entries.measurements({}) == ()
