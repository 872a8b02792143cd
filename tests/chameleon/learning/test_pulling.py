import pytest
import torch

from guise.chameleon.faces import geometry
from guise.chameleon.learning.crops import AlignedCrops
from guise.chameleon.learning.objective import Objective
from guise.chameleon.learning.pulling import match_gradient, visibility_gradient
from guise.chameleon.visibility.budget import STRENGTHS
from guise.models.cores import all_cores

BUDGET = STRENGTHS["mid"]


@pytest.fixture
def objective(faces, reader):
    """Six faces, so that they come in parts of several sizes."""
    random = torch.Generator().manual_seed(0)
    return Objective([*faces, *faces][:6], [reader.recogniser], views=2, jitter=0.02, random=random)


@pytest.fixture
def perturbation():
    side = geometry.CANVAS
    return 0.02 * torch.randn(6, 3, side, side, generator=torch.manual_seed(1))


def in_turn(tasks):
    return [task() for task in tasks]


def test_what_visibility_costs_changes_as_if_computed_at_once(objective, perturbation):
    chosen, prices = torch.tensor([4, 0, 3]), torch.rand(3, 3, generator=torch.manual_seed(2))
    spent, gradient = visibility_gradient(objective, perturbation, chosen, lambda _, at: prices[at], BUDGET, in_turn)
    whole = perturbation.clone().requires_grad_(True)
    expected = objective.spent(whole, chosen, BUDGET)
    (prices * expected).sum().backward()
    torch.testing.assert_close(spent, expected.detach())
    torch.testing.assert_close(gradient, whole.grad)
    assert not gradient[[1, 2, 5]].any() and gradient[[0, 3, 4]].any(dim=(1, 2, 3)).all()


def test_the_gradient_of_a_loss_that_joins_faces_is_that_of_the_same_crops_at_once(
    objective, perturbation, monkeypatch
):
    monkeypatch.setattr("guise.chameleon.learning.objective.vary", lambda crops, _: crops)
    monkeypatch.setattr(AlignedCrops, "draw", lambda own, at, _: (own.clean[at, 0], own.grids[at, 0]))
    monkeypatch.setattr(
        "guise.chameleon.learning.objective.half_precision", lambda _: torch.autocast("cpu", enabled=False)
    )
    everyone = torch.arange(6)

    def loss(embeddings):
        return (embeddings[0] @ embeddings[0].T).square().mean()

    gradient = match_gradient(objective, perturbation, everyone, [0], loss, in_turn)
    whole = perturbation.clone().requires_grad_(True)
    loss(objective.embeddings(whole, everyone, by=[0])).backward()
    torch.testing.assert_close(gradient, whole.grad, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("cores", [2, 3])
def test_results_do_not_depend_on_the_number_of_cores(objective, perturbation, cores):
    before, state = torch.get_num_threads(), objective._random.get_state()

    def gradients(number):
        objective._random.set_state(state)
        torch.set_num_threads(number)
        with all_cores() as run:
            pull = match_gradient(objective, perturbation, torch.arange(6), [0], lambda e: e[0].square().sum(), run)
            seen = visibility_gradient(
                objective, perturbation, torch.arange(6), lambda _, at: torch.ones(len(at), 3), BUDGET, run
            )
        return pull, *seen

    try:
        one, several = gradients(1), gradients(cores)
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(one, several, strict=True))
