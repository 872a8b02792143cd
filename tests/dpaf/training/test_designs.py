import json
import math

import pytest
import torch

from guise.dpaf.networks.designs import CURRENT, FIRST, SHARP, SMOOTHED
from guise.dpaf.training.checkpoint import fresh_state
from guise.models.errors import InputError
from tests.dpaf import toy


@pytest.fixture
def folder(tmp_path):
    return toy.begin(tmp_path / "run", toy.two_classes(), toy.privacy("moments", steps=0), preset="moments")


def with_design(folder, design):
    """The run's settings, as if another version had written them."""
    values = json.loads((folder.path / "run.json").read_text())
    values.pop("design")
    (folder.path / "run.json").write_text(json.dumps(values if design is None else values | {"design": design}))
    return folder.settings()


def test_new_runs_have_the_current_design(folder):
    state = fresh_state(folder.settings())
    assert folder.settings().design == CURRENT
    assert state.features.appearance is not None and state.generator.design == CURRENT


def test_runs_that_name_no_design_keep_the_features_and_the_generator_of_version_01(folder):
    settings = with_design(folder, None)
    state = fresh_state(settings)
    assert settings.design == FIRST
    assert state.features.appearance is None and state.generator.design == FIRST
    assert state.features.loss_weight == pytest.approx(1)
    assert [length**2 for length in state.features.lengths] == pytest.approx([0.4, 0.4, 0.09, 0.09])


@pytest.mark.parametrize("design", [SMOOTHED, SHARP])
def test_a_run_of_a_design_before_keeps_its_generator(folder, design):
    state = fresh_state(with_design(folder, design))
    assert state.features.appearance is not None and state.generator.design == design


def test_the_class_heads_verdict_holds_for_equally_frequent_classes_from_design_4_on(folder):
    features = torch.nn.functional.normalize(torch.randn(5, 3969))
    for design, even in ((CURRENT, True), (SHARP, False)):
        state = fresh_state(with_design(folder, design))
        torch.nn.init.normal_(state.head.linear.weight)
        state.shares = torch.tensor([0.9, 0.1])
        apart = (state.verdict(features) - state.head.logits(features)).diff(dim=1)
        torch.testing.assert_close(apart, torch.full((5, 1), math.log(9) if even else 0.0))
    state.head = None
    assert state.verdict is None


def test_a_run_of_a_newer_version_is_not_read_as_something_else(folder):
    with pytest.raises(InputError, match="newer version"):
        with_design(folder, 99)
