import inspect

import numpy as np
import pytest
import torch

from guise.dpaf.accounting.plan import releases
from guise.dpaf.accounting.settings import AGGREGATION
from guise.dpaf.networks.student import Student
from guise.dpaf.settings import PRESETS, PerformanceSettings
from guise.dpaf.training.state import TrainingState
from guise.dpaf.training.students import Students
from guise.models.errors import InputError
from tests.dpaf import toy

WITHOUT_NOISE = 1e-9


@pytest.fixture
def state():
    performance = PerformanceSettings(**{**vars(PRESETS["student"][1]), **toy.FAST, "critic_steps": 4})
    return TrainingState(1, 28, 2, records=40, privacy=toy.privacy("student"), performance=performance)


def quiet(noise=WITHOUT_NOISE):
    """Students of two steps over all 40 records with next to no noise."""
    privacy = toy.privacy("student", aggregate_noise=noise, sampling_rate=1.0, steps=2)
    return Students(1, 28, 2, expected=40.0, privacy=privacy, steps=4)


def step(students, state, images, labels):
    random = torch.Generator().manual_seed(0)
    chunks = [(*part, None) for part in zip(images.split(16), labels.split(16), strict=True)]
    students.teach(state.average.network, random)
    students.look(chunks, state.average.network, state.shares, np.random.default_rng(0), random)


def fakes(state, count=20):
    labels = torch.tensor([0, 1]).repeat_interleave(count)
    return state.average.network.draw(labels, torch.Generator().manual_seed(1)).detach(), labels


@pytest.mark.parametrize("kind", ["ordinary", "out of range", "not a number"])
def test_one_record_moves_a_release_by_the_norm_that_is_charged_and_only_its_class(state, kind):
    images, labels = fakes(state)
    planted = {
        "ordinary": torch.rand(1, 1, 28, 28) * 2 - 1,
        "out of range": torch.full((1, 1, 28, 28), 1e20),
        "not a number": torch.full((1, 1, 28, 28), float("nan")),
    }[kind]
    without, with_it = quiet(), quiet()
    step(without, state, images, labels)
    step(with_it, state, torch.cat([images, planted]), torch.cat([labels, torch.tensor([1])]))
    moved = (with_it.means[0] - without.means[0]) * 20  # records expected of each class
    assert moved[0].norm() < 1e-3
    (release,) = releases(state.students.privacy, records=40, classes=2)[AGGREGATION]
    assert moved[1].norm() <= release.max_norm + 1e-3
    assert kind == "not a number" or moved[1].norm() > 0.3


def test_noise_is_what_the_plan_says(state):
    (release,) = releases(state.students.privacy, records=40, classes=2)[AGGREGATION]
    mechanism = state.students.mechanism(state.shares)
    assert (mechanism.noise_multiplier, mechanism.max_norm) == (release.noise_multiplier, release.max_norm)
    assert mechanism.divisor == pytest.approx((release.divisor, release.divisor))


def test_a_student_learns_from_fakes_only(state):
    assert set(inspect.signature(Student.learn).parameters) == {"self", "generator", "random", "steps", "learning_rate"}
    images, labels = fakes(state)
    one, other = quiet(), quiet()
    step(one, state, images, labels)
    step(other, state, -images, labels)
    for name, value in one.networks.state_dict().items():
        assert torch.equal(value, other.networks.state_dict()[name]), name


def test_features_of_hostile_images_have_norm_one_at_most():
    student = Student(3, 32, 10, seed=0)
    for image in (torch.ones(1, 3, 32, 32), 1e4 * torch.randn(1, 3, 32, 32), torch.zeros(1, 3, 32, 32)):
        assert student(image).norm() <= 1 + 1e-5


def test_fakes_that_look_to_it_as_real_ones_do_cost_less_than_those_of_the_other_class(state):
    images, labels = fakes(state)
    images[labels == 1] = 0.5 * images[labels == 1] + 0.5  # real images of class 1 are brighter than its fakes
    students = quiet()
    step(students, state, images, labels)
    assert students.generator_loss(images, labels) < 0.2 * students.generator_loss(fakes(state)[0], labels)


def test_what_is_noise_is_not_trusted(state):
    images, labels = fakes(state)
    images[labels == 1] = 0.5 * images[labels == 1] + 0.5
    trusts = []
    for noise in (WITHOUT_NOISE, 0.2, 2000.0):
        students = quiet(noise)
        step(students, state, images, labels)
        trusts += students.trust
    assert trusts[0] > 0.99 > trusts[1] > 0.01 > trusts[2]
    step(unlike := quiet(2000.0), state, *fakes(state))  # nothing sets them apart
    assert unlike.generator_loss(*fakes(state)) < 0.05 * unlike.mechanism(state.shares).noise_energy(1)


def test_what_was_released_is_kept(state):
    images, labels = fakes(state)
    students, again = quiet(), quiet()
    step(students, state, images, labels)
    again.load(students.tensors())
    assert torch.equal(again.means[0], students.means[0]) and len(again.means) == len(again.trust) == 1
    assert torch.equal(again.generator_loss(images, labels), students.generator_loss(images, labels))


def test_a_plan_that_pays_for_gradients_is_refused_before_anything_is_spent():
    privacy = toy.privacy("student", gradient_noise=2.0)
    performance = PerformanceSettings(critic="student")
    with pytest.raises(InputError, match="gradient_noise=None"):
        TrainingState(1, 28, 2, records=40, privacy=privacy, performance=performance)
