"""The audit lets the sound mechanisms pass, and not one of six that were broken on purpose."""

import math

import numpy as np
import pytest
import torch

from guise.dpaf.accounting.accountants import Phase, epsilon_pld, joint_noise_multiplier
from guise.dpaf.audit import bound as auditing
from guise.dpaf.audit.bound import audit_mechanism, lower_bound
from guise.dpaf.audit.canary import CanaryGame
from guise.dpaf.mechanisms.aggregation import FeatureAggregation
from guise.dpaf.mechanisms.private_step import PrivateStep
from guise.dpaf.mechanisms.units import Units
from guise.models.errors import InputError

DELTA = 1e-3


def phases(game):
    return [
        Phase("p", game.sampling_rate, joint_noise_multiplier(game.aggregate_noise, game.gradient_noise), game.steps)
    ]


def play(game, runs):
    return audit_mechanism(game, phases(game), delta=DELTA, runs=runs, generator=np.random.default_rng(5))


class Unclipped(FeatureAggregation):
    def sums(self, features, *_):
        return features.double().sum(0).view(1, 1, -1)


class HalfTheNoise(FeatureAggregation):
    def release(self, sums, generator):
        quieter = FeatureAggregation(self.max_norm, self.noise_multiplier / 2, self.buckets, self.classes, self.divisor)
        return quieter.release(sums, generator)


class UnclippedStep(PrivateStep):
    def clipped_sums(self, records, loss, *, weights=None):  # noqa: ARG002
        value = loss(*records).sum()
        return {"weight": torch.autograd.grad(value, self.module.weight)[0].double()}


class MeanOfTheBatch(FeatureAggregation):
    """Divides by the batch's own size before the noise, which is scaled for the size that is expected."""

    def sums(self, features, labels, buckets, weights=None):
        return super().sums(features, labels, buckets, weights) / max(len(features), 1) * self.divisor


def shuffled(records, _rate, steps, random):
    order = random.permutation(records)
    return [np.sort(part) for part in np.array_split(order, steps)]


class Unweighed(Units):
    """Each image of a person counts as one."""

    def weights(self, rows):
        return torch.ones(len(rows), dtype=torch.float64)


class ByImage(Units):
    """Draws images, not people: someone with many is nearly always there."""

    def draw(self, rate, generator):
        return torch.from_numpy(np.flatnonzero(generator.random(self.images) < rate))


SOUND = {
    "people": CanaryGame(1.0, 1, 1.0, None, images=5),
    "people, in batches, gradients": CanaryGame(0.5, 2, None, 1.0, others=-1.0, images=3),
    "release 1": CanaryGame(1.0, 1, 1.0, None),
    "release 1, against the others": CanaryGame(1.0, 1, 1.0, None, others=-1.0),
    "both releases": CanaryGame(0.5, 1, 1.5, 1.5),
    "several steps": CanaryGame(0.2, 5, 0.7, None),
    "two steps, little noise": CanaryGame(0.5, 2, 0.3, None),
}
BROKEN = {
    "no clipping": CanaryGame(1.0, 1, 4.0, None, aggregation=Unclipped),
    "no clipping of gradients": CanaryGame(1.0, 1, None, 4.0, private_step=UnclippedStep),
    "half the noise": CanaryGame(1.0, 1, 2.0, None, aggregation=HalfTheNoise),
    "mean by the actual batch size": CanaryGame(1.0, 1, 2.0, None, others=-1.0, aggregation=MeanOfTheBatch),
    "all images of a person in full": CanaryGame(1.0, 1, 2.0, None, images=5, units=Unweighed),
    "all gradients of a person in full": CanaryGame(1.0, 1, None, 2.0, images=5, units=Unweighed),
    "a draw of images where people are claimed": CanaryGame(0.1, 1, 0.05, None, images=8, units=ByImage),
    "shuffling instead of Poisson": CanaryGame(0.5, 2, 0.3, None, draw=shuffled),
}


@pytest.mark.parametrize("name", SOUND)
def test_sound_mechanisms_pass(name):
    assert play(SOUND[name], 300).passed


def test_the_bound_is_not_idle():
    audit = play(SOUND["release 1"], 2000)
    assert audit.passed and audit.lower_bound > 0.2 * audit.claimed and audit.excess > -0.6


@pytest.mark.slow
@pytest.mark.parametrize("name", BROKEN)
def test_broken_mechanisms_fail(name):
    assert not play(BROKEN[name], 5000).passed


@pytest.mark.slow
def test_naive_accounting_fails_in_the_game():
    """Both releases share one draw of each batch; who counts two draws claims too little."""
    game = CanaryGame(0.1, 4, 0.5, 0.5)
    naive = [Phase(name, game.sampling_rate, 0.5, game.steps) for name in ("aggregates", "gradients")]
    kept = []

    def played(present, random):
        kept.append(game(present, random))
        return kept[-1]

    runs = {"delta": DELTA, "runs": 10_000}
    assert not audit_mechanism(played, naive, **runs, generator=np.random.default_rng(5)).passed
    scores = iter(kept)  # the same ones, held against the sound claim
    assert audit_mechanism(lambda *_: next(scores), phases(game), **runs).passed


def test_naive_accounting_fails():
    """Two releases of one draw, claimed to cost what two draws would; many runs, by the mechanism's law."""
    rate, noise, steps, runs = 0.05, 0.7, 1, 200_000
    random = np.random.default_rng(0)

    def scores(present):
        drawn = (random.random((runs, steps)) < rate) & present
        released = drawn[..., None] + noise * random.normal(size=(runs, steps, 2))
        ratios = ((released - 0.5) / noise**2).sum(2)
        return np.log1p(rate * np.expm1(ratios)).sum(1)

    naive = epsilon_pld([Phase("a", rate, noise, steps), Phase("b", rate, noise, steps)], DELTA)
    joint = epsilon_pld([Phase("p", rate, joint_noise_multiplier(noise, noise), steps)], DELTA)
    proven = lower_bound(scores(True), scores(False), delta=DELTA, confidence=0.99)
    assert naive < proven <= joint


def test_scores_that_tell_nothing_prove_nothing():
    random = np.random.default_rng(0)
    assert lower_bound(random.normal(size=2000), random.normal(size=2000), delta=0, confidence=0.99) < 0.3


def test_scores_that_tell_all_prove_much():
    assert lower_bound(np.ones(2000), np.zeros(2000), delta=0, confidence=0.99) > 4


def test_bounds_hold_in_nearly_all_audits_of_a_known_epsilon():
    """Randomised response with epsilon 1, audited 200 times at 95 %: at most some ten may exceed it."""
    random, truth = np.random.default_rng(1), 1 / (1 + np.exp(-1.0))
    exceeded = 0
    for _ in range(200):
        present = (random.random(400) < truth).astype(float)
        absent = (random.random(400) > truth).astype(float)
        exceeded += lower_bound(present, absent, delta=0, confidence=0.95) > 1.0
    assert exceeded <= 20


def test_all_bounds_of_an_audit_share_one_error(monkeypatch):
    asked = []
    most = auditing._most
    monkeypatch.setattr(auditing, "_most", lambda *given: asked.append(given[-1]) or most(*given))
    game = SOUND["release 1"]
    audit = audit_mechanism(game, phases(game), delta=DELTA, runs=20, confidence=0.94, audits=3)
    assert asked == [pytest.approx(0.99)] * 3 and audit.confidence == 0.94  # the last says what could be shown
    assert audit.limit == pytest.approx(math.log(0.005 ** (1 / 10) / (1 - 0.005 ** (1 / 10))), abs=0.01)


def test_too_few_runs_are_refused():
    with pytest.raises(InputError, match="runs"):
        play(SOUND["release 1"], 5)
