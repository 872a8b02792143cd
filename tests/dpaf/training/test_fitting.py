from __future__ import annotations

import pytest
import torch

from guise.dpaf.training.checkpoint import fresh_state
from guise.dpaf.training.fitting import Fitting
from tests.dpaf.toy import begin, two_classes


@pytest.mark.parametrize(("scale", "times"), [(0.0, 1.0), (1e6, 2.5)])
def test_a_head_without_noise_has_more_say_than_one_that_is_noise(tmp_path, scale, times):
    settings = begin(tmp_path / "run", two_classes(), preset="moments", head_weight=0.5).settings()
    state = fresh_state(settings)
    state.head.total, state.head.counted = torch.full_like(state.head.total, scale), 1
    assert Fitting.of(state, settings).head_weight == pytest.approx(0.5 * times, rel=1e-3)
