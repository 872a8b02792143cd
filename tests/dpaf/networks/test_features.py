import numpy as np
import pytest
import torch

from guise.dpaf.mechanisms.aggregation import FeatureAggregation
from guise.dpaf.networks.features import COUNT_WEIGHT, PublicFeatures
from guise.dpaf.training.moments import class_sums, means_of, squared_distance


@pytest.fixture(scope="module")
def features():
    return PublicFeatures(1, 28)


def images(count=4):
    return torch.rand(count, 1, 28, 28, generator=torch.Generator().manual_seed(0)) * 2 - 1


def test_no_record_affects_another(features):
    x = images()
    together = features(x)
    apart = torch.cat([features(image) for image in x.split(1)])
    torch.testing.assert_close(together, apart, atol=1e-5, rtol=1e-4)


def test_features_are_public_and_the_same_every_time(features):
    again = PublicFeatures(1, 28)
    x = images(2)
    assert torch.equal(features.moments(x, features(x)), again.moments(x, again(x)))


def test_a_colour_turned_into_its_negative_is_another_image():
    """Moduli of each channel by itself would not tell: fakes got red that was the negative of green."""
    shapes = torch.nn.functional.avg_pool2d(
        torch.randn(16, 1, 40, 40, generator=torch.Generator().manual_seed(0)), 9, 1
    )
    grey = 2 * shapes.repeat(1, 3, 1, 1)
    negative = grey * torch.tensor([-1.0, 1.0, 1.0]).view(1, 3, 1, 1)
    features, between = PublicFeatures(3, 32), grey[torch.arange(16) - 1]
    apart = (features(grey) - features(negative)).norm(dim=1)
    assert apart.min() > 0.5 * (features(grey) - features(between)).norm(dim=1).mean()


@pytest.mark.parametrize("kind", ["ordinary", "black", "white", "checkerboard"])
def test_one_image_moves_the_sums_by_one_at_most_and_only_its_class(features, kind):
    bad = {
        "ordinary": images(1),
        "black": -torch.ones(1, 1, 28, 28),
        "white": torch.ones(1, 1, 28, 28),
        "checkerboard": ((torch.arange(28).view(1, 28) + torch.arange(28).view(28, 1)) % 2 * 2.0 - 1).view(
            1, 1, 28, 28
        ),
    }[kind]
    mechanism = FeatureAggregation(1.0, 1.0, buckets=1, classes=2, divisor=1.0)
    change = class_sums(features, [(bad, features(bad), torch.tensor([1]), None)], mechanism)[0]
    assert change[0].abs().sum() == 0
    assert 0.5 < change[1].norm() <= 1


def test_means_are_sums_over_the_released_count(features):
    x = images(6)
    moments = features.moments(x, features(x))
    means, shares = means_of(torch.stack([moments.sum(0), 3 * moments.sum(0)]), 0.1)
    torch.testing.assert_close(means[1], moments[:, :-1].mean(0), atol=1e-5, rtol=1e-3)
    torch.testing.assert_close(shares, torch.tensor([0.25, 0.75]))


def test_a_class_in_its_counts_noise_is_not_blown_up():
    released = torch.tensor([[3.0, 100 * COUNT_WEIGHT], [3.0, -COUNT_WEIGHT]])
    means, shares = means_of(released, 50 * COUNT_WEIGHT)
    torch.testing.assert_close(means, torch.tensor([[3 / 100], [3 / 50]]))
    torch.testing.assert_close(shares, torch.tensor([100.0, 50.0]) / 150)


def test_the_distance_is_not_biased_by_few_fakes():
    random = torch.Generator().manual_seed(0)
    means = torch.zeros(1, 10)
    distances = [float(squared_distance(torch.randn(1, 3, 10, generator=random), means)) for _ in range(3000)]
    assert abs(np.mean(distances)) < 4 * np.std(distances) / 3000**0.5
    shifted = [float(squared_distance(1 + torch.randn(1, 3, 10, generator=random), means)) for _ in range(3000)]
    assert np.mean(shifted) == pytest.approx(10, rel=0.1)
