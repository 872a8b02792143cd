import flip_evaluator
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from skimage import data
from skimage.metrics import structural_similarity

from guise.chameleon.visibility.amplitude import fit_amplitude
from guise.chameleon.visibility.budget import (
    STRENGTHS,
    Budget,
    FaceMeter,
    Visibility,
    budget_of,
    changed_area,
)
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


def test_fit_finds_what_lies_below_a_step_and_a_flat_stretch():
    def spend(amplitude):  # as measured on a face that fills the screen: below .65 little of the mask counts as seen
        return 0.97 * amplitude if amplitude < 0.65 else 1.003 + max(0.0, amplitude - 0.9) / 5

    assert 0.5 <= fit_amplitude(spend, start=1.0, largest=4.0) < 0.65


def test_fit_of_a_power_law_takes_few_tries():
    tries = []

    def spend(amplitude):
        tries.append(amplitude)
        return 0.6 * amplitude**0.8

    fit_amplitude(spend, start=1.0, largest=4.0)
    assert len(tries) <= 4


def test_spent_is_that_of_the_measure_nearest_to_its_bound():
    budget = Budget(ssim=0.96, flip=0.1, fleck=2, largest_fleck=4)
    assert budget.spent(Visibility(ssim=0.98, flip=0.02, fleck=0.5, largest_fleck=1)) == pytest.approx(0.5)
    assert budget.spent(Visibility(ssim=0.99, flip=0.12, fleck=0.5, largest_fleck=1)) == pytest.approx(1.2)
    assert budget.spent(Visibility(ssim=0.99, flip=0.02, fleck=3, largest_fleck=1)) == pytest.approx(1.5)
    assert budget.spent(Visibility(ssim=0.99, flip=0.02, fleck=3, largest_fleck=8)) == pytest.approx(2)


def test_people_who_zoom_in_are_promised_less():
    seen = Visibility(ssim=0.94, flip=0.1, fleck=3.5, largest_fleck=7)
    assert STRENGTHS["mid"].spent(seen) > 1 >= STRENGTHS["mid"].zoomed().spent(seen)


def test_strengths_are_ordered():
    low, mid, high = (STRENGTHS[name] for name in ("low", "mid", "high"))
    assert low.ssim > mid.ssim > high.ssim
    assert low.flip < mid.flip < high.flip and low.fleck < mid.fleck < high.fleck
    assert low.largest_fleck < mid.largest_fleck < high.largest_fleck
    with pytest.raises(InputError, match=r"`strength=max`.*low, mid, high"):
        budget_of("max")


@pytest.mark.parametrize("shape", [(1, 1, 3), (5, 40, 3), (64, 48, 3)])
def test_meter_sees_no_difference_in_an_identical_face_of_any_size(shape):
    face = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    seen = FaceMeter(face).measure(face)
    assert seen == Visibility(1, 0, 0, 0)


def test_measures_are_taken_over_the_changed_pixels_alone_and_are_those_of_other_programs():
    original = data.astronaut()[:200, :220]
    changed = original.copy()
    noise = np.random.default_rng(0).normal(0, 14, (60, 50, 3))
    changed[40:100, 100:150] = np.clip(original[40:100, 100:150] + noise, 0, 255).astype(np.uint8)
    area = changed_area(original, changed)
    assert area[45:95, 105:145].all() and not area[:, :90].any() and not area[120:].any()
    structure = structural_similarity(
        original, changed, channel_axis=2, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, full=True
    )[1]
    floats = [pixels.astype(np.float32) / 255 for pixels in (original, changed)]
    flip = flip_evaluator.evaluate(*floats, "LDR", applyMagma=False)[0].squeeze()
    seen = FaceMeter(original).measure(changed)
    faint = np.clip(original.astype(int) + np.random.default_rng(0).integers(-3, 4, original.shape), 0, 255)
    assert FaceMeter(original).measure(faint.astype(np.uint8)).flip > 0.01  # hardly seen is not unseen
    assert seen.ssim == pytest.approx(structure.mean(2)[area].mean(), abs=1e-3)
    assert seen.flip == pytest.approx(flip[area].mean(), abs=1e-3)
