"""Sensitivity of a whole super-step, with the discriminator that training uses, and hostile images."""

import numpy as np
import pytest
import torch
import toy

from dpaf.aggregation import FeatureAggregation
from dpaf.plan import releases
from dpaf.private_step import PrivateStep
from dpaf.settings import PRESETS, STEPS, PerformanceSettings
from dpaf.state import TrainingState
from dpaf.superstep import FEATURE_NORM, GRADIENT_NORM, Batch


@pytest.fixture
def state():
    performance = PerformanceSettings(**{**vars(PRESETS["dpaf"][1]), **toy.FAST})
    return TrainingState(1, 28, 2, records=40, privacy=toy.privacy(), performance=performance)


def batch(extra=None):
    random = torch.Generator().manual_seed(0)
    images = torch.rand(6, 1, 28, 28, generator=random) * 2 - 1
    labels, buckets = torch.arange(6) % 2, torch.arange(6) // 3
    if extra is not None:
        images = torch.cat([images, extra])
        labels, buckets = torch.cat([labels, torch.tensor([1])]), torch.cat([buckets, torch.tensor([1])])
    return Batch(images, labels, buckets)


def sums_of_a_step(state, given, monkeypatch):
    """What a step would release without its noise: both releases' sums."""
    seen = {}
    release = FeatureAggregation.release

    def first(self, sums, _generator):
        seen["features"] = sums
        # Release 2 is compared at one and the same release 1, as the adversary of the definition sees it.
        return release(self, torch.zeros_like(sums), np.random.default_rng(0))

    monkeypatch.setattr(FeatureAggregation, "release", first)
    original = PrivateStep.release
    monkeypatch.setattr(PrivateStep, "release", lambda self, sums, g: seen.update(sums) or original(self, sums, g))
    tensors = state.tensors()
    state.critic.step(given, state.generator, np.random.default_rng(0), torch.Generator().manual_seed(0))
    state.load(tensors)
    monkeypatch.undo()
    return seen


@pytest.mark.parametrize("value", [0.0, 1.0, 1e10, 3e37, float("nan"), float("inf")])
def test_one_image_moves_each_release_by_its_bound_at_most(state, monkeypatch, value):
    with torch.no_grad():
        state.generator.draw(torch.arange(4) % 2, torch.Generator().manual_seed(0))
    extra = torch.full((1, 1, 28, 28), value)
    extra[..., ::2, :] *= -0.5
    without = sums_of_a_step(state, batch(), monkeypatch)
    with_ = sums_of_a_step(state, batch(extra), monkeypatch)
    features = (with_.pop("features") - without.pop("features")).norm()
    gradients = torch.cat([(with_[name] - without[name]).flatten() for name in without]).norm()
    assert len(without) == 2 and features <= FEATURE_NORM and gradients <= GRADIENT_NORM


def test_what_a_plan_shows_of_the_releases_is_what_is_made(state):
    features, gradients = releases(state.critic.privacy, records=40, classes=2)[STEPS]
    mechanism, step = state.critic._mechanism, state.critic._private(state.critic.body, gradients.noise_multiplier)
    for shown, made in ((features, mechanism), (gradients, step)):
        assert (shown.noise_multiplier, shown.max_norm, shown.divisor) == (
            *(made.noise_multiplier, made.max_norm, made.divisor),
        )
    assert "2 buckets" in str(features) and mechanism.buckets == 2


def test_a_tail_that_nobody_asks_is_not_trained():
    performance = PerformanceSettings(**{**vars(PRESETS["matching"][1]), **toy.FAST})
    state = TrainingState(1, 28, 2, records=40, privacy=toy.privacy("matching"), performance=performance)
    before = state.critic.tail.conv.weight.clone()
    state.critic.step(batch(), state.generator, np.random.default_rng(0), torch.Generator().manual_seed(0))
    assert state.critic.releases == 1 and torch.equal(before, state.critic.tail.conv.weight)


def test_an_empty_batch_makes_a_step_like_any_other(state):
    empty = Batch(torch.zeros(0, 1, 28, 28), torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long))
    before = state.critic.body.conv.weight.clone()
    state.critic.step(empty, state.generator, np.random.default_rng(0), torch.Generator().manual_seed(0))
    assert state.critic.releases == 1 and not torch.equal(before, state.critic.body.conv.weight)
    assert all(value.isfinite().all() for value in state.tensors().values())
