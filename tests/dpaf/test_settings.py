from dataclasses import replace

import pytest

from guise.dpaf.accounting.accountants import epsilon_pld, epsilon_prv
from guise.dpaf.accounting.settings import PrivacySettings
from guise.dpaf.settings import PRESETS, PerformanceSettings
from guise.models.errors import InputError

NOISE_OF_VERSION_01 = {  # factors at epsilon 1, 3 and 10, delta 1e-5, before dp-accounting searched for them
    "moments": (4.580017, 1.826150, 0.856906),
    "dpaf": (4.929192, 1.950721, 0.899359),
    "pretrained": (5.253033, 2.060119, 0.926242),
    "matching": (4.753269, 1.881906, 0.870739),
    "dpgan": (2.959466, 1.212529, 0.606528),
}


def noise(settings):
    """The noise multipliers that a preset has."""
    names = ("moments_noise", "head_noise", "stem_noise", "aggregate_noise", "gradient_noise")
    return [value for name in names if (value := getattr(settings, name)) is not None]


@pytest.mark.slow
@pytest.mark.parametrize("preset", NOISE_OF_VERSION_01)
@pytest.mark.parametrize(("at", "epsilon"), [(0, 1.0), (1, 3.0), (2, 10.0)])
def test_noise_is_at_least_version_01s_and_hardly_more(preset, at, epsilon):
    before = PRESETS[preset][0]
    after = before.calibrate(epsilon, 1e-5)
    factors = [new / old for new, old in zip(noise(after), noise(before), strict=True)]
    assert factors == pytest.approx([factors[0]] * len(factors))
    assert 1 <= factors[0] / NOISE_OF_VERSION_01[preset][at] < 1.002
    assert 0.99 * epsilon <= epsilon_pld(after.phases(), 1e-5) <= epsilon


@pytest.mark.parametrize("preset", ["moments", "matching"])
def test_calibrated_presets_keep_to_their_budget(preset):
    before = PRESETS[preset][0]
    after = before.calibrate(3.0, 1e-5)
    assert before.epsilon is None and after.epsilon == 3.0
    assert noise(after)[0] / noise(before)[0] >= NOISE_OF_VERSION_01[preset][1]
    assert 0.99 * 3 <= epsilon_pld(after.phases(), 1e-5) <= 3.0
    assert epsilon_prv(after.phases(), 1e-5, error=0.002) == pytest.approx(3.0, rel=0.01)


def test_both_releases_of_an_aggregation_step_are_one_phase():
    (phase,) = PrivacySettings(
        moments_noise=None, head_steps=0, steps=7, aggregate_noise=2.0, gradient_noise=2.0
    ).phases()
    assert phase.steps == 7 and phase.noise_multiplier == pytest.approx(2**0.5)


def test_settings_that_release_nothing_are_refused():
    with pytest.raises(InputError, match="release nothing"):
        PrivacySettings(moments_noise=None, head_steps=0)
    with pytest.raises(InputError, match="give `steps=`, or `stem_steps=0`"):
        PrivacySettings(stem_steps=5)


@pytest.mark.parametrize(
    "wrong",
    [
        {"head_rate": 1.2},
        {"steps": -1},
        {"aggregate_noise": 0.0},
        {"buckets": 0},
        {"head_noise": float("nan")},
        {"epsilon": -1.0},
        {"delta": 1.0},
    ],
)
def test_values_out_of_range_are_refused(wrong):
    with pytest.raises(InputError):
        replace(PrivacySettings(), **wrong)


@pytest.mark.parametrize("wrong", [{"critic": "other"}, {"average": 1.0}, {"learning_rate": 0.0}, {"critic_steps": 0}])
def test_performance_settings_are_checked_too(wrong):
    with pytest.raises(InputError, match=next(iter(wrong))):
        PerformanceSettings(**{"critic": "student", **wrong})
