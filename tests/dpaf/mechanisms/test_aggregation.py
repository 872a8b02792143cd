import numpy as np
import pytest
import torch

from guise.dpaf.mechanisms.aggregation import FeatureAggregation
from guise.dpaf.mechanisms.clipping import SLACK
from guise.models.errors import InputError
from tests.dpaf import oracles


def aggregation(**changed):
    given = {"max_norm": 2.0, "noise_multiplier": 1.5, "buckets": 3, "classes": 2, "divisor": 10.0} | changed
    return FeatureAggregation(**given)


def batch(count):
    return torch.randn(count, 5), torch.arange(count) % 2, torch.arange(count) % 3


def test_sums_equal_one_record_at_a_time():
    features, labels, buckets = batch(20)
    features *= torch.linspace(0, 3, 20).unsqueeze(1)
    expected = torch.zeros(3, 2, 5, dtype=torch.float64)
    for feature, label, bucket in zip(features.double(), labels, buckets, strict=True):
        expected[bucket, label] += feature * min(1.0, 2.0 * (1 - SLACK) / max(float(feature.norm()), 1e-9))
    torch.testing.assert_close(aggregation().sums(features, labels, buckets), expected, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", oracles.HOSTILE)
@pytest.mark.parametrize(("label", "scale"), [(0, 1.0), (1, 1.0), (1, 7.3e5)])
def test_no_record_moves_the_sums_by_more_than_the_bound(kind, label, scale):
    features, labels, buckets = batch(9)
    mechanism = aggregation()
    without = mechanism.sums(features, labels, buckets)
    bad = oracles.HOSTILE[kind](torch.Size([1, 5])) * scale
    with_ = mechanism.sums(
        torch.cat([features, bad]), torch.cat([labels, torch.tensor([label])]), torch.cat([buckets, torch.tensor([2])])
    )
    change = with_ - without
    assert change.norm() <= 2.0
    touched = change.flatten(2).abs().sum(2) > 0
    assert touched.sum() <= 1


def test_chunks_add_up_to_the_whole():
    features, labels, buckets = batch(20)
    mechanism = aggregation()
    parts = sum(mechanism.sums(features[i : i + 7], labels[i : i + 7], buckets[i : i + 7]) for i in range(0, 20, 7))
    torch.testing.assert_close(parts, mechanism.sums(features, labels, buckets), atol=1e-12, rtol=0)


def test_the_divisor_does_not_depend_on_the_batch():
    mechanism = aggregation(noise_multiplier=1e-9)
    features, labels, buckets = batch(6)
    one = mechanism.release(mechanism.sums(features, labels, buckets), np.random.default_rng(0))
    doubled = mechanism.sums(torch.cat([features] * 2), torch.cat([labels] * 2), torch.cat([buckets] * 2))
    torch.testing.assert_close(mechanism.release(doubled, np.random.default_rng(0)), 2 * one, atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize(("factor", "accepted"), [(1.0, True), (2 / 3, False), (1.5, False)])
def test_noise_has_the_scale_that_was_paid_for_also_in_empty_blocks(factor, accepted):
    mechanism = aggregation(noise_multiplier=1.5 * factor)
    empty = mechanism.sums(torch.zeros(0, 4000), torch.zeros(0, dtype=torch.long), torch.zeros(0, dtype=torch.long))
    drawn = mechanism.release(empty, np.random.default_rng(1)) * 10.0
    for block in drawn.view(6, -1):  # 4,000 draws: the statistic's deviation is 0.022
        statistic = float(block.double().square().mean()) / (1.5 * 2.0) ** 2
        assert (abs(statistic - 1) < 0.1) is accepted


def test_fakes_carry_noise_by_the_same_law():
    mechanism = aggregation()
    drawn = mechanism.of_fakes(torch.zeros(6, 4, 4000), torch.Generator().manual_seed(0))
    assert float(drawn.std()) == pytest.approx(1.5 * 2.0 / 10.0, rel=0.05)


def test_labels_out_of_range_are_refused():
    with pytest.raises(InputError, match="labels lie outside"):
        aggregation().sums(torch.zeros(1, 5), torch.tensor([2]), torch.tensor([0]))


@pytest.mark.parametrize("name", ["max_norm", "noise_multiplier", "divisor", "buckets", "classes"])
def test_settings_out_of_range_are_refused(name):
    with pytest.raises(InputError, match=r"above 0|at least 1"):
        aggregation(**{name: 0})
