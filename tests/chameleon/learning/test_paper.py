import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from guise.chameleon.faces.embedding import embed
from guise.chameleon.learning import paper
from guise.models import Recogniser
from guise.models.recognisers import registry
from tests.chameleon.masking import masked


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


def test_a_value_reaches_the_bound_of_16_levels_in_63_steps_and_stays_there():
    mask, levels = torch.zeros(1), []
    for _ in range(64):
        mask = paper.update(mask, torch.tensor([-1.0]))
        levels.append(255 * float(mask))
    assert levels[0] == pytest.approx(0.255) and levels[61] == pytest.approx(62 * 0.255)
    assert levels[62] == levels[63] == pytest.approx(16)


def test_each_photo_is_passed_fifty_times_in_batches_of_four(faces):
    class Counting(torch.nn.Module):
        """Means of a crop's corners, and how many crops came at once."""

        def __init__(self):
            super().__init__()
            self.batches = []

        def forward(self, images):
            self.batches.append(len(images))
            return images[..., ::56, ::56].flatten(1)

    network, seen = Counting(), []
    record = replace(registry.get("guise-mobilefacenet"), name="corners", source="file", embedding_size=12)
    learnt = paper.learn_mask(2 * faces, [Recogniser(network, record)], progress=lambda *done: seen.append(done))
    assert learnt.size == 112 and network.batches == [6, *50 * [4, 2]]
    assert seen == [(epoch, 50) for epoch in range(1, 51)]


def test_the_papers_procedure_lowers_similarity_within_its_bounds(faces, reader, monkeypatch):
    monkeypatch.setattr(paper, "EPOCHS", 25)
    learnt = paper.learn_mask(faces, [reader.recogniser], seed=0)
    assert learnt.values.shape == (3, 112, 112)
    assert abs(learnt.values).max() <= 16 / 255 + 1e-7
    recogniser = reader.recogniser
    clean = embed([(p.pixels, p.face) for p in faces], recogniser)
    protected = embed([(masked(p, learnt), p.face) for p in faces], recogniser)
    assert (np.linalg.norm(protected - clean, axis=1) > 0.3).all()
