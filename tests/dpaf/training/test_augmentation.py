from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F

from guise.dpaf.networks.features import PublicFeatures
from guise.dpaf.training.augmentation import augmented
from guise.dpaf.training.fitting import Fitting


def seeded(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@pytest.fixture
def spots():
    """A bright spot in the middle of each."""
    images = torch.full((200, 1, 32, 32), -0.9)
    images[:, :, 14:18, 14:18] = 0.9
    return images


def test_each_image_is_changed_in_its_own_way_and_the_same_seed_changes_it_the_same(spots):
    changed = augmented(spots, seeded(0))
    assert changed.shape == spots.shape and torch.equal(changed, augmented(spots, seeded(0)))
    assert not torch.equal(changed, augmented(spots, seeded(1)))
    assert len({image.numpy().tobytes() for image in changed}) == len(spots)


def test_what_an_image_shows_stays_within_two_pixels_of_its_place(spots):
    places = torch.arange(32.0) - 15.5
    shown = (augmented(spots, seeded(0))[:, 0] > 0.2).float()
    down, right = ((shown.sum(over) * places).sum(1) / shown.sum((1, 2)).clamp_min(1) for over in (2, 1))
    seen = shown.sum((1, 2)) > 6  # contrast hides the spot of a few
    assert seen.float().mean() > 0.9
    for moved in (down[seen], right[seen]):
        assert moved.abs().max() < 2.8 and moved.std() > 0.8 and moved.mean().abs() < 0.3
    assert 8 < shown.sum((1, 2))[seen].mean() < 24


def test_nothing_is_left_empty_and_gradients_reach_all_of_the_image():
    images = torch.full((50, 3, 28, 28), 0.5, requires_grad=True)
    changed = augmented(images, seeded(0))
    edges = torch.cat([changed[..., 0, :], changed[..., -1, :], changed[..., 0], changed[..., -1]], -1)
    # Brightness and contrast differ by image; edges are as bright as the middle of theirs.
    middle = changed[..., 10:18, 10:18].mean((1, 2, 3))
    assert torch.allclose(edges.mean((1, 2)), middle, atol=0.05)
    changed.sum().backward()
    assert (images.grad.sum((0, 1)) > 0).all()


def test_only_the_class_head_is_asked_about_changed_images():
    features = PublicFeatures(1, 28)
    fakes = torch.rand(8, 1, 28, 28, generator=seeded(0)) * 2 - 1
    labels = torch.arange(2).repeat_interleave(4)
    means = features.moments(fakes, features(fakes))[:, :-1].unflatten(0, (2, 4)).mean(1)
    apart = Fitting(features, means, None, 1.0)
    assert float(apart.loss(fakes, labels, seeded(0))) == pytest.approx(float(apart.loss(fakes, labels, seeded(1))))
    weights = torch.randn(features.width, 2, generator=seeded(2))
    asked = Fitting(features, None, lambda seen: 100 * seen @ weights, 1.0)
    losses = [float(asked.loss(fakes, labels, seeded(seed))) for seed in (0, 0, 1)]
    assert losses[0] == losses[1] != losses[2]


def test_half_of_each_class_is_asked_about_as_it_is():
    features, asked = PublicFeatures(1, 28), []
    fakes = torch.rand(8, 1, 28, 28, generator=seeded(0)) * 2 - 1
    labels = torch.arange(2).repeat_interleave(4)
    own = features(fakes)

    def verdict(seen):
        asked.append(seen)
        return torch.where(torch.arange(len(seen)).unsqueeze(1) < 4, 20.0, 0.0) * F.one_hot(labels[[0, 2, 4, 6] * 2], 2)

    loss = Fitting(features, None, verdict, 1.0).loss(fakes, labels, seeded(0))
    torch.testing.assert_close(asked[0][:4], own[::2])
    assert (asked[0][4:] - own[1::2]).norm(dim=1).min() > 0.1
    # Each is held against its own label: the first half is right, and of the second nothing is said.
    assert float(loss) == pytest.approx(math.log(2) / 2, abs=1e-3)
