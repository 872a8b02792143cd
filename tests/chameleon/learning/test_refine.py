import numpy as np
import pytest
import torch

from guise.chameleon.faces import geometry
from guise.chameleon.faces.crop import Portrait
from guise.chameleon.faces.embedding import embed
from guise.chameleon.learning.identity import Identity, Person, similarity
from guise.chameleon.learning.learn import EPSILON
from guise.chameleon.learning.refine import RefinementSettings, Refiner
from guise.chameleon.learning.views import aligned
from guise.chameleon.mask.mask import REFINEMENT_STEP, Mask
from guise.chameleon.visibility.budget import STRENGTHS
from guise.models.errors import InputError

FEW = RefinementSettings(steps=12, views=2)
NOTHING = Mask(np.zeros((3, geometry.CANVAS, geometry.CANVAS), np.float32), geometry.CANONICAL_TEMPLATE, EPSILON)


@pytest.fixture(scope="module")
def persons(portraits, reader):
    record = reader.recogniser.record
    crops = aligned(portraits, np.array(record.template), size=record.input_size)
    return {record.name: Identity.of(reader.recogniser, crops).person()}


def refiner(reader, persons, **settings):
    changed = RefinementSettings(**{**vars(FEW), **settings})
    return Refiner(NOTHING, [reader.recogniser], persons, budget=STRENGTHS["high"], settings=changed)


@pytest.fixture(scope="module")
def refined(portraits, persons, reader):
    return refiner(reader, persons).refine(portraits, seed=1)


def closeness(found):
    directions = np.stack([one.standing["dlib-resnet"] for one in found])
    return (directions @ directions.T)[np.triu_indices(len(found), 1)].mean()


def masked(portrait, refinement):
    from guise.chameleon.mask.mask import Placement, add

    placement = Placement(portrait.face.to_template(NOTHING.template), 1.0, refinement=refinement)
    height, width = portrait.pixels.shape[:2]
    return add(portrait.pixels, NOTHING.patch(placement, height=height, width=width))


def test_a_refined_mask_takes_the_face_away_from_the_user(portraits, refined, persons, reader):
    population, centroid = reader.recogniser.population.numpy(), persons["dlib-resnet"].centroid
    for portrait, one in zip(portraits, refined, strict=True):
        before, after = embed(
            [(portrait.pixels, portrait.face), (masked(portrait, one.refinement), portrait.face)], reader.recogniser
        )
        assert similarity(before, centroid, population) > 0.9
        assert similarity(after, centroid, population) < 0.3


def test_standings_are_where_the_recogniser_sees_the_masked_faces(portraits, refined, reader):
    population = reader.recogniser.population.numpy()
    for portrait, one in zip(portraits, refined, strict=True):
        (after,) = embed([(masked(portrait, one.refinement), portrait.face)], reader.recogniser)
        assert np.linalg.norm(one.standing["dlib-resnet"]) == pytest.approx(1, abs=1e-5)
        assert similarity(after, one.standing["dlib-resnet"] + population, population) > 0.95


def test_refinements_are_whole_steps_within_epsilon(refined):
    for one in refined:
        assert one.refinement.shape == (3, geometry.CANVAS, geometry.CANVAS) and one.refinement.dtype == np.int8
        assert abs(one.refinement).max() * REFINEMENT_STEP <= EPSILON + REFINEMENT_STEP
        assert abs(NOTHING.refined(one.refinement).values).max() <= EPSILON + 1e-7


def test_the_same_seed_gives_the_same_and_another_does_not(portraits, persons, reader):
    found = [refiner(reader, persons, steps=2).refine(portraits[:2], seed=seed) for seed in (1, 1, 2)]
    for one, same, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one.refinement, same.refinement)
        assert (one.refinement != other.refinement).any()


def test_dispersion_keeps_protected_photos_apart(portraits, persons, refined, reader):
    together = refiner(reader, persons, dispersion=0.0).refine(portraits, seed=1)
    assert closeness(refined) < closeness(together) - 0.1


def test_photos_are_kept_apart_from_those_remembered(portraits, persons, reader):
    alone, beside = (refiner(reader, persons) for _ in range(2))
    (first,) = alone.refine(portraits[:1], seed=1)
    (again,) = alone.refine(portraits[:1], seed=1)
    beside.remember(first.standing)
    (other,) = beside.refine(portraits[:1], seed=1)
    assert closeness([first, again]) == pytest.approx(1)
    assert closeness([first, other]) < 0.5


def test_what_is_remembered_of_other_recognisers_is_passed_over(portraits, persons, reader):
    one = refiner(reader, persons, steps=1)
    one.remember({"another": np.ones(3, np.float32), "dlib-resnet": np.ones(5, np.float32)})
    assert len(one.refine(portraits[:1], seed=0)) == 1


def test_without_a_known_person_each_face_is_taken_away_from_itself(portraits, reader):
    population = torch.as_tensor(reader.recogniser.population).numpy()
    found = refiner(reader, {}).refine(portraits[:2], seed=0)
    for portrait, one in zip(portraits, found, strict=False):
        before, after = embed(
            [(portrait.pixels, portrait.face), (masked(portrait, one.refinement), portrait.face)], reader.recogniser
        )
        assert similarity(before, after, population) < 0.4


def test_no_steps_change_nothing(portraits, persons, reader):
    mask = Mask(np.full_like(NOTHING.values, 5 / 255), NOTHING.template, EPSILON)
    none = Refiner(
        mask, [reader.recogniser], persons, budget=STRENGTHS["high"], settings=RefinementSettings(steps=0, views=1)
    )
    (one,) = none.refine(portraits[:1], seed=0)
    assert not one.refinement.any()


def test_on_a_grey_photo_the_standing_is_that_of_the_grey_mask(portraits, persons, reader):
    grey = Portrait(portraits[0].pixels.mean(2, keepdims=True).repeat(3, 2).astype(np.uint8), portraits[0].face, True)
    (one,) = refiner(reader, persons).refine([grey], seed=0)
    flat = one.refinement.mean(0, keepdims=True).repeat(3, 0).round().astype(np.int8)
    (after,) = embed([(masked(grey, flat), grey.face)], reader.recogniser)
    population = reader.recogniser.population.numpy()
    assert similarity(after, one.standing["dlib-resnet"] + population, population) > 0.95
    assert similarity(after, persons["dlib-resnet"].centroid, population) < 0.5


@pytest.mark.parametrize(
    ("mask", "centroid"),
    [(Mask(np.zeros((3, 112, 112), np.float32), NOTHING.template, EPSILON), np.ones(128)), (NOTHING, np.ones(5))],
)
def test_a_mask_or_a_person_that_does_not_fit_is_refused(mask, centroid, reader):
    person = Person(centroid.astype(np.float32), 1.0)
    with pytest.raises(InputError, match="--refine 0"):
        Refiner(mask, [reader.recogniser], {"dlib-resnet": person}, budget=STRENGTHS["mid"])
