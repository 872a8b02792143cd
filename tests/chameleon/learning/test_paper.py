import math

import pytest
import torch

from guise.chameleon.learning import paper


def test_lambda_halves_doubles_and_starts_again_outside_its_range():
    budget = paper.DISSIMILARITY
    assert paper.next_lambda(1.0, 0.9 * budget) == 0.5
    assert paper.next_lambda(1.0, 1.1 * budget) == 2
    assert paper.next_lambda(1.0, budget) == 1
    assert paper.next_lambda(128.0, 2 * budget) == 1
    assert paper.next_lambda(1 / 128, 0.0) == 1
    assert paper.next_lambda(1 / 64, 0.0) == 1 / 128


def test_update_is_one_signed_step_within_epsilon():
    mask = torch.tensor([0.0, 0.0, 0.0, paper.EPSILON, -paper.EPSILON])
    gradient = torch.tensor([3.0, -1e-9, 0.0, -1.0, 1.0])
    expected = torch.tensor([-paper.STEP, paper.STEP, 0, paper.EPSILON, -paper.EPSILON])
    torch.testing.assert_close(paper.update(mask, gradient), expected)


def test_angle_is_that_between_the_vectors():
    a, b = torch.tensor([[1.0, 0], [1, 0]]), torch.tensor([[0, 5.0], [-2, 2]])
    torch.testing.assert_close(paper.angle(a, b), torch.tensor([math.pi / 2, 3 * math.pi / 4]))


def test_published_constants():
    assert (paper.EPOCHS, paper.BATCH, paper.SIDE) == (50, 4, 112)
    assert pytest.approx(16 / 255) == paper.EPSILON
    assert pytest.approx(0.001) == paper.STEP
