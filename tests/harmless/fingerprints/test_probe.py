from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

from guise.harmless import LoadedModel, PixelModel, Preprocessing
from guise.harmless.fingerprints import Probe, make, match
from guise.harmless.fingerprints.probe import run
from guise.harmless.fingerprints.spectra import rephased
from guise.models.errors import InputError


def a_model(first: nn.Module, seed: int) -> LoadedModel:
    torch.manual_seed(seed)
    network = nn.Sequential(first, nn.ReLU(), nn.Flatten(), nn.Linear(48 * 16, 10))
    return LoadedModel(PixelModel(network, Preprocessing()).eval().requires_grad_(False), (3, 32, 32))


def patches(seed: int = 0) -> nn.Conv2d:
    torch.manual_seed(seed)
    return nn.Conv2d(3, 48, 8, 8)


@pytest.fixture(scope="module")
def owner() -> LoadedModel:
    return a_model(patches(), 1)


@pytest.fixture(scope="module")
def probe(owner: LoadedModel) -> Probe:
    return make(owner, pairs=2, strangers=12)


def margin(probe: Probe, model: LoadedModel) -> float:
    return match(run(model, probe.pictures), threshold=probe.origin.threshold).margin


def test_owner_matches_and_strangers_do_not(owner: LoadedModel, probe: Probe) -> None:
    assert margin(probe, owner) > 10
    origin = probe.origin
    assert origin.score < 0.01 < origin.threshold < 0.5 < origin.strangers.least
    assert origin.strangers.taken == 0 and origin.strangers.rate_below == pytest.approx(1 - 0.05 ** (1 / 12))
    assert max(margin(probe, a_model(patches(seed), seed)) for seed in (5, 6, 7)) < 0.2


def test_what_follows_the_first_layer_may_change_and_so_may_its_basis(probe: Probe) -> None:
    assert margin(probe, a_model(patches(), 9)) > 5
    mixed = patches()
    mixed.weight.data = torch.einsum("ab,bchw->achw", torch.randn(48, 48), mixed.weight.data)
    assert margin(probe, a_model(mixed, 9)) > 1


def test_a_first_layer_that_was_trained_on_matches_no_more(owner: LoadedModel, probe: Probe) -> None:
    scores = list(probe.origin.strangers.disturbed.values())
    assert scores == sorted(scores) and scores[0] < probe.origin.threshold < scores[-1]
    moved = copy.deepcopy(owner)
    weight = moved.model.network[0].weight  # type: ignore[index,union-attr]
    weight.data += weight.data.std() * torch.randn(weight.shape)  # type: ignore[union-attr,operator,arg-type]
    assert margin(probe, moved) < 0.2


def test_controls_are_as_large_and_as_rough_as_the_pairs(probe: Probe) -> None:
    first, alike, control = (probe.pictures[:, index].astype(float) for index in range(3))
    sizes = [np.linalg.norm(other - first) for other in (alike, control)]
    assert sizes[1] == pytest.approx(sizes[0], rel=0.15)
    x = torch.randn(2, 3, 9, 8, dtype=torch.float64)
    turned = rephased(x, torch.Generator().manual_seed(0))
    spectra = [torch.fft.fft2(values).abs() for values in (x, turned)]
    torch.testing.assert_close(*spectra)
    assert float((x * turned).sum().abs()) < 0.5 * float((x * x).sum())


def test_answers_that_tell_nothing_are_refused(probe: Probe) -> None:
    outputs = np.ones((2, 3, 4))
    with pytest.raises(InputError, match="equal for all pictures"):
        match(outputs, threshold=0.1)
    with pytest.raises(InputError, match="not finite"):
        match(outputs * np.nan, threshold=0.1)
    outputs[1, 2] = 2  # the first pair says nothing, the second matches
    answer = match(outputs, threshold=0.1)
    assert answer.matches and answer.pairs[0] is None and answer.pairs[1] == 1e-12
    with pytest.raises(InputError, match="3x32x32, the model takes 3x40x32"):
        run(dataclasses.replace(a_model(patches(), 1), input_shape=(3, 40, 32)), probe.pictures)


def test_models_that_read_everything_have_no_fingerprint() -> None:
    with pytest.raises(InputError, match="every dimension"):
        make(a_model(nn.Sequential(nn.Conv2d(3, 48, 4, 4), nn.MaxPool2d(2)), 0), pairs=1, strangers=1)
    pool = nn.Sequential(nn.AvgPool2d(2), nn.ReLU(), nn.Flatten(), nn.Linear(768, 3))
    with pytest.raises(InputError, match="holds no weights"):
        make(LoadedModel(PixelModel(pool, Preprocessing()), (3, 32, 32)), pairs=1, strangers=1)
