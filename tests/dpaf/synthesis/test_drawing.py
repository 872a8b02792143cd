import pytest
import torch

from guise.dpaf.synthesis.drawing import in_turn, synthesise
from guise.dpaf.training.checkpoint import trained_state
from tests.dpaf import toy


@pytest.mark.parametrize("shares", [[1.0], [0.5, 0.5], [0.9, 0.1], [0.97, 0.0, 0.02, 0.01], [1 / 7] * 7])
@pytest.mark.parametrize("count", [1, 5, 1000])
def test_classes_come_as_often_as_their_shares_say(shares, count):
    labels = in_turn(torch.tensor(shares), count)
    assert labels.shape == (count,)
    for part in (labels, labels[: count // 3]):
        counts = torch.bincount(part, minlength=len(shares))
        assert (counts - len(part) * torch.tensor(shares)).abs().max() <= len(shares)
        assert not counts[torch.tensor(shares) == 0].any()


def test_equal_shares_go_round():
    assert in_turn(torch.full((3,), 1 / 3), 7).tolist() == [0, 1, 2, 0, 1, 2, 0]


def test_rare_classes_stay_rare_unless_as_many_of_each_are_asked_for(tmp_path):
    data = toy.two_classes(400, every=4)
    folder = toy.begin(tmp_path / "run", data, toy.privacy("moments", steps=0), preset="moments")
    toy.train(folder, data)
    state = trained_state(folder)
    assert float(state.shares[1]) == pytest.approx(0.25, abs=0.1)
    assert synthesise(state, 100, seed=0).labels.mean() == pytest.approx(float(state.shares[1]), abs=0.02)
    assert synthesise(state, 100, equal=True, seed=0).labels.mean() == 0.5
    assert synthesise(state, 9, label=1, seed=0).labels.tolist() == [1] * 9
