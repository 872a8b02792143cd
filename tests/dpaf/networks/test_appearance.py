import pytest
import torch

from guise.dpaf.mechanisms.aggregation import FeatureAggregation
from guise.dpaf.networks.appearance import Appearance
from guise.dpaf.networks.designs import CURRENT, FIRST
from guise.dpaf.networks.features import PublicFeatures
from guise.dpaf.training.moments import class_sums

SIZES = [(1, 28), (3, 32), (2, 8), (3, 64)]


def pictures(channels, size, count=8, *, seed=0):
    """Smooth ones, as photographs are."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.randn(count, channels, 6, 6, generator=random)
    return torch.nn.functional.interpolate(coarse, size, mode="bicubic").mul(0.3).clamp(-1, 1)


def checkerboard(size):
    at = torch.arange(size)
    return ((at[:, None] + at) % 2 * 2.0 - 1).view(1, 1, size, size)


def hostile(channels, size):
    """Records that somebody might plant."""
    random = torch.Generator().manual_seed(1)
    shape = (1, channels, size, size)
    return {
        "black": -torch.ones(shape),
        "white": torch.ones(shape),
        "checkerboard": checkerboard(size).expand(shape),
        "noise": torch.rand(shape, generator=random) * 2 - 1,
        "far out of range": 1e6 * torch.randn(shape, generator=random),
    }


@pytest.mark.parametrize(("channels", "size"), SIZES)
def test_each_group_of_any_record_has_norm_one_at_most(channels, size):
    appearance = Appearance(channels, size)
    for name, image in hostile(channels, size).items():
        groups = appearance(image)
        assert tuple(group.shape[1] for group in groups) == appearance.widths
        assert all(0.1 < float(group.norm()) <= 1 + 1e-5 for group in groups), name


@pytest.mark.parametrize(("channels", "size"), SIZES)
@pytest.mark.parametrize("design", [FIRST, CURRENT])
def test_no_record_moves_the_release_by_more_than_the_norm_that_is_charged(channels, size, design):
    features = PublicFeatures(channels, size, design=design)
    mechanism = FeatureAggregation(1.0, 1.0, buckets=1, classes=2, divisor=1.0)
    planted = hostile(channels, size) | {"not a number": torch.full((1, channels, size, size), float("nan"))}
    for name, image in planted.items():
        change = class_sums(features, [(image, features(image), torch.tensor([1]), None)], mechanism)[0]
        assert change[0].abs().sum() == 0, name
        assert change.norm() <= 1, name


def test_parts_fill_the_norm_that_is_charged():
    for design in (FIRST, CURRENT):
        features = PublicFeatures(3, 32, design=design)
        assert sum(length**2 for length in features.lengths) + 0.02 == pytest.approx(1)


def test_no_record_affects_another():
    appearance, images = Appearance(3, 32), pictures(3, 32)
    together = torch.cat(appearance(images), 1)
    apart = torch.cat([torch.cat(appearance(image), 1) for image in images.split(1)])
    torch.testing.assert_close(together, apart, atol=1e-5, rtol=1e-4)


def moved(appearance, images, others):
    """How far each group's mean moves, over how far it moves from one half of the pictures to the other."""
    means = [group.mean(0) for group in appearance(images)]
    halves = [group.unflatten(0, (2, -1)).mean(1) for group in appearance(images)]
    apart = [(mean - group.mean(0)).norm() for mean, group in zip(means, appearance(others), strict=True)]
    return [float(a / (half[0] - half[1]).norm()) for a, half in zip(apart, halves, strict=True)]


@pytest.mark.parametrize(("channels", "size"), [(1, 28), (3, 32), (3, 64)])
def test_a_checkerboard_of_five_grey_levels_is_seen_better_than_by_scattering(channels, size):
    images, features = pictures(channels, size, 64), PublicFeatures(channels, size)
    painted = images + 5 / 127.5 * checkerboard(size)
    seen = max(moved(Appearance(channels, size), images, painted))
    assert seen > 2
    assert seen > 2 * moved(lambda pictures: [features(pictures)], images, painted)[0]


def test_contrast_brightness_and_colour_are_seen():
    images, appearance = pictures(3, 32, 64), Appearance(3, 32)
    tint = torch.tensor([0.1, 0.0, -0.1]).view(1, 3, 1, 1)
    for changed in (1.3 * images, images + 0.15, images + tint):
        assert max(moved(appearance, images, changed)) > 1
