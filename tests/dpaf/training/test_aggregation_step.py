"""Sensitivity of a whole aggregation step, with the discriminator that training uses, and hostile images."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from guise.dpaf.accounting.plan import releases
from guise.dpaf.accounting.settings import AGGREGATION
from guise.dpaf.mechanisms.aggregation import FeatureAggregation
from guise.dpaf.mechanisms.norms import FEATURE_NORM, GRADIENT_NORM
from guise.dpaf.mechanisms.private_step import PrivateStep
from guise.dpaf.networks.critic import chosen, hinge
from guise.dpaf.settings import PRESETS, PerformanceSettings
from guise.dpaf.training.aggregation_step import Batch, Critic
from guise.dpaf.training.state import TrainingState
from tests.dpaf import toy


def fresh(preset):
    performance = PerformanceSettings(**{**vars(PRESETS[preset][1]), **toy.FAST})
    return TrainingState(1, 28, 2, records=40, privacy=toy.privacy(preset), performance=performance)


@pytest.fixture
def state():
    return fresh("dpaf")


def batch(extra=None):
    random = torch.Generator().manual_seed(0)
    images = torch.rand(6, 1, 28, 28, generator=random) * 2 - 1
    labels, buckets = torch.arange(6) % 2, torch.arange(6) // 3
    if extra is not None:
        images = torch.cat([images, extra])
        labels, buckets = torch.cat([labels, torch.tensor([1])]), torch.cat([buckets, torch.tensor([1])])
    return Batch(images, labels, buckets)


def sums_of_a_step(state, given, shares, monkeypatch):
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
    random = torch.Generator().manual_seed(0)
    state.critic.step(given, state.generator, torch.tensor(shares), np.random.default_rng(0), random)
    state.load(tensors)
    monkeypatch.undo()
    return seen


@pytest.mark.parametrize("value", [0.0, 1.0, 1e10, 3e37, float("nan"), float("inf")])
@pytest.mark.parametrize(("preset", "shares"), [("dpaf", [0.5, 0.5]), ("pretrained", [0.95, 0.05])])
def test_one_image_moves_each_release_by_its_bound_at_most(monkeypatch, value, preset, shares):
    """Also one of a rare class, whose gradients are the largest before they are clipped."""
    state = fresh(preset)
    with torch.no_grad():
        state.generator.draw(torch.arange(4) % 2, torch.Generator().manual_seed(0))
    extra = torch.full((1, 1, 28, 28), value)
    extra[..., ::2, :] *= -0.5
    without = sums_of_a_step(state, batch(), shares, monkeypatch)
    with_ = sums_of_a_step(state, batch(extra), shares, monkeypatch)
    features = (with_.pop("features") - without.pop("features")).norm()
    gradients = torch.cat([(with_[name] - without[name]).flatten() for name in without]).norm()
    assert len(without) == 2 and features <= FEATURE_NORM and gradients <= GRADIENT_NORM


def test_what_a_plan_shows_of_the_releases_is_what_is_made(state):
    features, gradients = releases(state.critic.privacy, records=40, classes=2)[AGGREGATION]
    mechanism = state.critic.mechanism(state.shares)
    step = state.critic._private(state.critic.body, gradients.noise_multiplier)
    for shown, made in ((features, mechanism), (gradients, step)):
        assert (shown.noise_multiplier, shown.max_norm) == (made.noise_multiplier, made.max_norm)
    assert mechanism.divisor == (features.divisor,) * 2 and step.divisor == gradients.divisor
    assert "2 buckets" in str(features) and mechanism.buckets == 2


def test_classes_of_unequal_size_are_averaged_each_over_its_own_records(state):
    """Three records of class 0 for each of class 1, in expectation 12 a batch: the aggregates are the means."""
    shares = torch.tensor([0.75, 0.25])
    random = torch.Generator().manual_seed(0)
    given = Batch(
        torch.rand(12, 1, 28, 28, generator=random) * 2 - 1,
        torch.tensor([0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1]),
        torch.tensor([0, 0, 0, 0, 1, 1, 1, 1, 1, 0, 0, 1]),
    )
    mechanism = replace(state.critic.mechanism(shares), noise_multiplier=1e-9)
    assert state.critic.expected == pytest.approx(12)
    with torch.no_grad():
        features = state.critic.body(state.critic.front(given.images))
        released = mechanism.release(state.critic._sums(mechanism, given), np.random.default_rng(0))
    for label in (0, 1):
        both_buckets = released[:, label].mean(0)
        torch.testing.assert_close(both_buckets, features[given.labels == label].mean(0), atol=1e-5, rtol=1e-4)


def test_noise_on_fakes_is_that_on_the_records_of_their_class(state):
    mechanism = state.critic.mechanism(torch.tensor([0.75, 0.25]))
    zeros = torch.zeros(mechanism.buckets, 2, 4000, dtype=torch.float64)
    real = mechanism.release(zeros, np.random.default_rng(0)).flatten(0, 1)
    fake = mechanism.of_fakes(torch.zeros(4, 5, 4000), torch.Generator().manual_seed(0))
    torch.testing.assert_close(real.std(1), fake.std(1), rtol=0.05, atol=0)
    assert real[1].std() / real[0].std() == pytest.approx(3, rel=0.1)


def test_release_2_descends_on_the_mean_of_the_aggregates_losses(state, monkeypatch):
    """What the records' directions add up to is the gradient of the losses of the aggregates, by autograd."""
    shares, given, seen = torch.tensor([0.25, 0.75]), batch(), {}
    mechanism = replace(state.critic.mechanism(shares), noise_multiplier=1e-9)
    features = state.critic.body(state.critic.front(given.images))
    frequency = 2 * shares
    sums = torch.zeros(2, 2, features.shape[1]).index_put((given.buckets, given.labels), features, accumulate=True)
    divisors = torch.tensor(mechanism.divisor).view(1, 2, 1)
    aggregates = (sums / divisors).flatten(0, 1)
    loss = hinge(chosen(state.critic.tail(aggregates), state.critic.blocks), real=True).mean()
    parameters = dict(state.critic.body.named_parameters())
    wanted = dict(zip(parameters, torch.autograd.grad(loss, list(parameters.values())), strict=True))
    monkeypatch.setattr(
        "guise.dpaf.training.aggregation_step.GRADIENT_NORM", 1e6
    )  # nothing is clipped, and the noise is next to nothing
    monkeypatch.setattr(PrivateStep, "release", lambda self, sums, _: {k: v / self.divisor for k, v in sums.items()})
    monkeypatch.setattr(Critic, "_descend", lambda _self, _module, private, *_: seen.update(private))
    state.critic._body_step(given, aggregates.detach(), torch.zeros(4, features.shape[1]), frequency, None)
    for name, value in wanted.items():
        torch.testing.assert_close(seen[name].float(), value, atol=1e-6, rtol=1e-3)


@pytest.mark.parametrize("preset", ["dpaf", "dpgan"])
def test_a_generator_waits_for_a_discriminator_that_is_fooled(tmp_path, preset, monkeypatch):
    steps = []
    monkeypatch.setattr("guise.dpaf.training.trainer.generator_step", lambda *_: steps.append(1))
    data = toy.two_classes()
    for told, expected in ((0.4, 0), (0.6, 4)):
        monkeypatch.setattr(Critic, "recognised_share", lambda *_, told=told: told)
        steps.clear()
        toy.train(toy.begin(tmp_path / str(told), data, preset=preset, told_before_step=0.5, fitting_steps=0), data)
        assert len(steps) == expected


@pytest.mark.parametrize("preset", ["dpaf", "dpgan"])
def test_what_a_discriminator_scores_below_zero_counts_as_told(preset):
    state = fresh(preset)
    random = torch.Generator().manual_seed(0)
    for sign, told in ((-1.0, 1.0), (1.0, 0.0)):
        with torch.no_grad():
            state.critic.tail.score.weight.zero_()
            state.critic.tail.score.bias.fill_(sign)
        assert state.critic.recognised_share(state.generator, state.shares, random) == told


def test_a_tail_that_nobody_asks_is_not_trained():
    state = fresh("matching")
    before = state.critic.tail.conv.weight.clone()
    state.critic.step(
        batch(), state.generator, state.shares, np.random.default_rng(0), torch.Generator().manual_seed(0)
    )
    assert state.critic.releases == 1 and torch.equal(before, state.critic.tail.conv.weight)


def test_an_empty_batch_makes_a_step_like_any_other(state):
    empty = Batch(torch.zeros(0, 1, 28, 28), torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long))
    before = state.critic.body.conv.weight.clone()
    state.critic.step(empty, state.generator, state.shares, np.random.default_rng(0), torch.Generator().manual_seed(0))
    assert state.critic.releases == 1 and not torch.equal(before, state.critic.body.conv.weight)
    assert all(value.isfinite().all() for value in state.tensors().values())
