"""What the label of a synthetic image says."""

import numpy as np
import pytest
import torch

from guise.dpaf.data import scaled
from guise.dpaf.networks.generator import Generator
from guise.dpaf.synthesis.drawing import synthesise
from guise.dpaf.training.checkpoint import trained_state
from tests.dpaf import toy


@pytest.fixture(scope="module")
def state(tmp_path_factory):
    data = toy.two_classes(400, every=4)
    path = tmp_path_factory.mktemp("labels") / "run"
    folder = toy.begin(path, data, toy.privacy("moments", steps=0), preset="moments", fitting_steps=60)
    toy.train(folder, data)
    state = trained_state(folder)
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        fakes = (state.average.network.draw(torch.full((100,), label), random) for label in (0, 1))
        first, second = (state.features(images).mean(0) for images in fakes)
    apart, middle = second - first, (first + second) / 2
    apart = apart - middle * (apart @ middle) / (middle @ middle)
    # So few private steps teach a head nothing: this one tells the fakes' classes.
    state.head.total, state.head.counted = 100 * torch.stack([-apart, apart]) / apart.norm(), 1
    return state


@pytest.fixture
def mixed(state, monkeypatch):
    """Its generator, which often draws another class than it was asked for."""
    own = Generator.draw

    def draw(self, labels, random):
        swapped = torch.rand(len(labels), generator=random) < 0.4
        return own(self, torch.where(swapped, 1 - labels, labels), random)

    monkeypatch.setattr(Generator, "draw", draw)
    return state


def taken_for(state, images, shares):
    pixels = scaled(torch.from_numpy(images).permute(0, 3, 1, 2))
    with torch.no_grad():
        return (state.head.logits(state.features(pixels)) + (shares / state.shares).log()).argmax(1).numpy()


@pytest.mark.parametrize("equal", [False, True])
def test_an_image_has_the_class_that_the_head_takes_it_for(mixed, equal):
    shares = torch.full((2,), 0.5) if equal else mixed.shares
    drawn = synthesise(mixed, 400, equal=equal, seed=0)
    assert (taken_for(mixed, drawn.images, shares) == drawn.labels).mean() > 0.97  # rounding moves those at the border
    assert drawn.labels.mean() == pytest.approx(float(shares[1]), abs=0.02)
    assert drawn.accepted == pytest.approx(0.6, abs=0.1)


def test_no_image_comes_twice(mixed):
    images = synthesise(mixed, 400, seed=0).images.reshape(400, -1)
    assert len(np.unique(images, axis=0)) == 400


def test_images_of_one_class_are_taken_for_it(mixed):
    drawn = synthesise(mixed, 60, label=1, seed=0)
    assert (drawn.labels == 1).all() and taken_for(mixed, drawn.images, torch.full((2,), 0.5)).mean() > 0.95


def test_a_class_that_the_head_never_sees_keeps_what_was_drawn_for_it(state, monkeypatch):
    monkeypatch.setattr(state.head, "logits", lambda features: torch.tensor([[50.0, 0.0]]).repeat(len(features), 1))
    drawn = synthesise(state, 40, seed=0)
    assert drawn.labels.sum() > 5
    assert len(np.unique(drawn.images.reshape(40, -1), axis=0)) == 40
