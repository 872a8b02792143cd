import pytest

from guise.dpaf.accounting import accountants
from guise.dpaf.accounting.accountants import (
    Phase,
    epsilon_pld,
    epsilon_prv,
    epsilon_rdp,
    joint_noise_multiplier,
    scale_for,
)
from guise.models.errors import InputError

DELTA = 1e-5


def test_golden_values():
    assert epsilon_prv([Phase("p", 0.25, 1.0, 4)], DELTA) == pytest.approx(4.216, abs=0.001)
    assert epsilon_pld([Phase("p", 1.0, 3.731)], DELTA) == pytest.approx(1.0, abs=0.001)
    assert epsilon_pld([Phase("p", 1.0, 0.4999)], DELTA) == pytest.approx(10.0, abs=0.002)


@pytest.mark.parametrize(
    ("batch", "steps", "sigma", "epsilon"),
    [
        *((1024, 1000, 2.35, 1.0), (1024, 1000, 0.669, 10.0)),
        *((2048, 1000, 4.48, 1.0), (2048, 1000, 0.886, 10.0)),
        *((4096, 500, 6.30, 1.0), (4096, 500, 1.09, 10.0)),
    ],
)
def test_golden_calibrations(batch, steps, sigma, epsilon):
    """Noise that Opacus' Renyi accountant calibrates; loss distributions show that it is more than is needed."""
    phases = [Phase("p", batch / 60_000, sigma, steps)]
    assert epsilon_rdp(phases, DELTA) == pytest.approx(epsilon, rel=0.005)
    assert 0.87 * epsilon < epsilon_pld(phases, DELTA) < 0.92 * epsilon


def test_a_budget_so_small_that_noise_makes_it_free_is_calibrated():
    factor = scale_for([Phase("a", 1.0, 1.0)], 2e-3, 1e-3)
    assert epsilon_pld([Phase("a", 1.0, factor)], 1e-3) <= 2e-3


@pytest.mark.parametrize(("sigma", "right", "wrong"), [(1.0, 6.03, 3.72), (2.0, 1.44, 1.31)])
def test_two_releases_of_one_draw_cost_more_than_two_draws(sigma, right, wrong):
    joint = Phase("both", 0.01, joint_noise_multiplier(sigma, sigma), 2000)
    assert epsilon_pld([joint], DELTA) == pytest.approx(right, abs=0.01)
    apart = [Phase("one", 0.01, sigma, 2000), Phase("other", 0.01, sigma, 2000)]
    assert epsilon_pld(apart, DELTA) == pytest.approx(wrong, abs=0.01)


@pytest.mark.parametrize(
    "phases",
    [
        [Phase("a", 0.25, 1.0, 4)],
        [Phase("a", 1.0, 1.0), Phase("b", 0.05, 1.5, 500), Phase("c", 0.02, 1.2, 300)],
        [Phase("a", 1024 / 60000, 2.35, 1000)],
        [Phase("a", 4096 / 60000, 6.3, 500)],
    ],
)
def test_accountants_agree_within_one_percent(phases):
    pld, prv = epsilon_pld(phases, DELTA), epsilon_prv(phases, DELTA, error=0.002)
    assert prv == pytest.approx(pld, rel=0.01)
    assert pld <= epsilon_rdp(phases, DELTA) <= 1.2 * pld


def test_composition_is_cheaper_than_adding_epsilons():
    phases = [Phase("a", 1.0, 2.0), Phase("b", 0.05, 1.5, 200)]
    apart = sum(epsilon_pld([phase], DELTA / 2) for phase in phases)
    assert max(epsilon_pld([phase], DELTA) for phase in phases) < epsilon_pld(phases, DELTA) < apart


@pytest.mark.parametrize("epsilon", [0.05, 0.5, 1.0, 10.0])
def test_calibration_spends_the_budget_and_no_more(epsilon):
    shape = [Phase("a", 1.0, 4.0), Phase("b", 0.05, 1.0, 100)]
    factor = scale_for(shape, epsilon, DELTA)
    spent = epsilon_pld([Phase(p.name, p.sampling_rate, p.noise_multiplier * factor, p.steps) for p in shape], DELTA)
    assert 0.99 * epsilon <= spent <= epsilon


def test_calibration_keeps_to_the_budget_where_the_cheap_accountant_asks_for_too_little_noise(monkeypatch):
    monkeypatch.setattr(accountants, "epsilon_rdp", lambda phases, delta: epsilon_pld(phases, delta) / 2)
    factor = scale_for([Phase("a", 1.0, 1.0)], 1.0, DELTA)
    assert 0.99 <= epsilon_pld([Phase("a", 1.0, factor)], DELTA) <= 1.0


def test_phases_that_memory_does_not_suffice_for_are_one_clear_line(monkeypatch):
    def full(*_):
        raise MemoryError

    monkeypatch.setattr("dp_accounting.pld.PLDAccountant.get_epsilon", full)
    with pytest.raises(InputError, match="more memory"):
        epsilon_pld([Phase("a", 1.0, 1.2345)], DELTA)


def test_very_many_steps_on_a_small_budget_are_calibrated_without_accounting_for_little_noise(monkeypatch):
    noise = []
    original = accountants._epsilon_of
    monkeypatch.setattr(accountants, "_epsilon_of", lambda event, delta: noise.append(event) or original(event, delta))
    factor = scale_for([Phase("a", 1.0, 1.0, 100_000)], 0.02, DELTA)
    assert 0.99 * 0.02 <= epsilon_pld([Phase("a", 1.0, factor, 100_000)], DELTA) <= 0.02
    assert min(event.events[0].event.noise_multiplier for event in noise) > factor / 2


def test_the_accountant_that_remembers_does_not_lose_what_it_holds():
    accountant = accountants._Remembering().compose(accountants._event([Phase("a", 1.0, 1.0)]))
    with pytest.raises(ValueError, match="one event"):
        accountant.compose(accountants._event([Phase("b", 1.0, 1.0)]))


def test_releases_that_are_not_made_cost_nothing():
    assert joint_noise_multiplier(None, 2.0) == 2.0
    with pytest.raises(InputError, match="nothing is released"):
        joint_noise_multiplier(None, None)


@pytest.mark.parametrize(
    ("epsilon", "delta"), [(0, 1e-5), (-1, 1e-5), (float("inf"), 1e-5), (1e6, 1e-5), (1, 0), (1, 1), (1e-4, 1e-3)]
)
def test_budgets_that_mean_nothing_are_refused(epsilon, delta):
    with pytest.raises(InputError):
        scale_for([Phase("a", 1.0, 1.0)], epsilon, delta)
