import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guise.chameleon.visibility.budget import STRENGTHS, Budget, FaceMeter, Visibility, budget_of, fit_amplitude
from guise.models.errors import InputError


@given(factor=st.floats(0.05, 20), power=st.floats(0.5, 2.2), floor=st.floats(0, 0.3), largest=st.floats(0.5, 8))
def test_fit_never_overspends_and_spends_nearly_all_or_reaches_the_end(factor, power, floor, largest):
    def spend(amplitude):
        return floor + factor * amplitude**power

    amplitude = fit_amplitude(spend, start=1.0, largest=largest)
    assert 0 < amplitude <= largest
    assert spend(amplitude) <= 1
    assert amplitude == largest or spend(amplitude) > 0.9


def test_fit_gives_nothing_where_even_nothing_is_too_much():
    assert fit_amplitude(lambda amplitude: 1.1 + amplitude, start=1.0, largest=4.0) == 0


def test_fit_of_a_power_law_takes_few_tries():
    tries = []

    def spend(amplitude):
        tries.append(amplitude)
        return 0.6 * amplitude**0.8

    fit_amplitude(spend, start=1.0, largest=4.0)
    assert len(tries) <= 3


def test_spent_is_that_of_the_measure_nearer_to_its_bound():
    budget = Budget(ssim=0.96, flip=0.1, peak=0.2)
    assert budget.spent(Visibility(ssim=0.98, flip=0.02, peak=0.05)) == pytest.approx(0.5)
    assert budget.spent(Visibility(ssim=0.99, flip=0.12, peak=0.05)) == pytest.approx(1.2)
    assert budget.spent(Visibility(ssim=0.99, flip=0.02, peak=0.3)) == pytest.approx(1.5)


def test_strengths_are_ordered():
    low, mid, high = (STRENGTHS[name] for name in ("low", "mid", "high"))
    assert low.ssim > mid.ssim > high.ssim
    assert low.flip < mid.flip < high.flip and low.peak < mid.peak < high.peak
    with pytest.raises(InputError, match=r"`strength=max`.*low, mid, high"):
        budget_of("max")


@pytest.mark.parametrize("shape", [(1, 1, 3), (5, 40, 3), (64, 48, 3)])
def test_meter_sees_no_difference_in_an_identical_face_of_any_size(shape):
    face = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    seen = FaceMeter(face).measure(face)
    assert seen.ssim == pytest.approx(1, abs=1e-5)
    assert seen.flip < 1e-3 and seen.peak < 1e-2
