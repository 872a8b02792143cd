import numpy as np
import pytest
import torch

from guise.chameleon.faces import geometry
from guise.chameleon.faces.crop import FaceCrop
from guise.chameleon.faces.embedding import embed, similarity
from guise.chameleon.faces.template import FaceTemplate
from guise.chameleon.learning.attempt import Attempt
from guise.chameleon.learning.crops import aligned
from guise.chameleon.learning.learn import EPSILON
from guise.chameleon.learning.objective import mean_match_score
from guise.chameleon.learning.refine import RefinementSettings, Refiner
from guise.chameleon.learning.targets import TargetTemplates
from guise.chameleon.mask.mask import REFINEMENT_STEP, Mask
from guise.chameleon.visibility.budget import STRENGTHS
from guise.models.errors import InputError
from tests.chameleon.masking import masked

FEW = RefinementSettings(steps=20, views=2)
NOTHING = Mask(np.zeros((3, geometry.CANVAS, geometry.CANVAS), np.float32), geometry.CANONICAL_TEMPLATE, EPSILON)


@pytest.fixture(scope="module")
def templates(faces, reader):
    record = reader.recogniser.record
    crops = aligned(faces, np.array(record.template), size=record.input_size)
    return {record.name: TargetTemplates.from_crops(reader.recogniser, crops).template()}


def refiner(reader, templates, **settings):
    changed = RefinementSettings(**{**vars(FEW), **settings})
    return Refiner(NOTHING, [reader.recogniser], templates, budget=STRENGTHS["high"], settings=changed)


@pytest.fixture(scope="module")
def refined(faces, templates, reader):
    return refiner(reader, templates).refine(faces, seed=1)


def closeness(refined):
    directions = np.stack([face.directions["dlib-resnet"] for face in refined])
    return (directions @ directions.T)[np.triu_indices(len(refined), 1)].mean()


def test_a_refined_mask_takes_the_face_away_from_the_user(faces, refined, templates, reader):
    population, mean = reader.recogniser.population.numpy(), templates["dlib-resnet"].mean
    for face, own in zip(faces, refined, strict=True):
        before, after = embed(
            [(face.pixels, face.face), (masked(face, NOTHING, own.refinement), face.face)], reader.recogniser
        )
        assert similarity(before, mean, population) > 0.9
        assert similarity(after, mean, population) < 0.4


def test_directions_are_where_the_recogniser_sees_the_masked_faces(faces, refined, reader):
    population = reader.recogniser.population.numpy()
    for face, own in zip(faces, refined, strict=True):
        (after,) = embed([(masked(face, NOTHING, own.refinement), face.face)], reader.recogniser)
        assert np.linalg.norm(own.directions["dlib-resnet"]) == pytest.approx(1, abs=1e-5)
        assert similarity(after, own.directions["dlib-resnet"] + population, population) > 0.95


def test_refinements_are_whole_steps_within_epsilon(refined):
    for own in refined:
        assert own.refinement.shape == (3, geometry.CANVAS, geometry.CANVAS) and own.refinement.dtype == np.int8
        assert abs(own.refinement).max() * REFINEMENT_STEP <= EPSILON + REFINEMENT_STEP
        assert abs(NOTHING.refined(own.refinement).values).max() <= EPSILON + 1e-7


def test_the_same_seed_gives_the_same_and_another_does_not(faces, templates, reader):
    runs = [refiner(reader, templates, steps=2).refine(faces[:2], seed=seed) for seed in (1, 1, 2)]
    for own, same, other in zip(*runs, strict=True):
        np.testing.assert_array_equal(own.refinement, same.refinement)
        assert (own.refinement != other.refinement).any()


def test_dispersion_keeps_protected_photos_apart(faces, templates, refined, reader):
    together = refiner(reader, templates, dispersion=0.0).refine(faces, seed=1)
    assert closeness(refined) < closeness(together) - 0.1


def test_photos_are_kept_apart_from_those_remembered(faces, templates, reader):
    alone, beside = (refiner(reader, templates) for _ in range(2))
    (first,) = alone.refine(faces[:1], seed=1)
    (again,) = alone.refine(faces[:1], seed=1)
    beside.remember(first.directions)
    (other,) = beside.refine(faces[:1], seed=1)
    assert closeness([first, again]) == pytest.approx(1)
    assert closeness([first, other]) < 0.5


def test_what_is_remembered_of_other_recognisers_is_passed_over(faces, templates, reader):
    once = refiner(reader, templates, steps=1)
    once.remember({"another": np.ones(3, np.float32), "dlib-resnet": np.ones(5, np.float32)})
    assert len(once.refine(faces[:1], seed=0)) == 1


def test_an_attempt_goes_on_from_where_it_is_told_and_may_keep_nothing_apart(faces, templates, refined, reader):
    """Each as a refiner does that was made or told so."""
    one = faces[:1]
    start = refined[1].refinement
    mask = NOTHING.refined(start)
    onward = refiner(reader, templates, steps=1).refine(one, seed=1, attempt=Attempt([start]))
    settings = RefinementSettings(**{**vars(FEW), "steps": 1})
    from_it = Refiner(mask, [reader.recogniser], templates, budget=STRENGTHS["high"], settings=settings)
    (own,) = from_it.refine(one, seed=1)
    same, there = NOTHING.refined(onward[0].refinement).values, mask.refined(own.refinement).values
    assert abs(same - there).max() <= REFINEMENT_STEP * 1.01

    remembering = refiner(reader, templates, steps=2)
    remembering.remember(refined[1].directions)
    (alone,) = refiner(reader, templates, steps=2).refine(one, seed=1)
    (knows,) = remembering.refine(one, seed=1)
    assert (knows.refinement != alone.refinement).any()
    (free,) = remembering.refine(one, seed=1, attempt=Attempt(dispersion=0.0))
    assert np.array_equal(
        free.refinement, refiner(reader, templates, steps=2, dispersion=0.0).refine(one, seed=1)[0].refinement
    )


def test_recognisers_with_more_weight_count_more(faces, templates, reader):
    targets = [TargetTemplates.from_template(reader.recogniser, templates["dlib-resnet"])] * 2
    near = torch.from_numpy(templates["dlib-resnet"].mean)[None]
    both, chosen = [near, near + 1], torch.zeros(1, dtype=torch.int64)
    scores = [float(target.match_score(rows, chosen)[0]) for target, rows in zip(targets, both, strict=True)]
    plain = float(mean_match_score(targets, both, chosen))
    assert plain == pytest.approx(sum(scores) / 2)
    assert float(mean_match_score(targets, both, chosen, weights=torch.ones(1, 2))) == pytest.approx(plain)
    weighted = (scores[0] + 3 * scores[1]) / 4
    assert float(mean_match_score(targets, both, chosen, weights=torch.tensor([[1.0, 3.0]]))) == pytest.approx(weighted)
    # Each face has weights of its own.
    twice, faces_twice = [rows.repeat(2, 1) for rows in both], chosen.repeat(2)
    unlike = torch.tensor([[1.0, 3.0], [1.0, 1.0]])
    expected = (weighted + plain) / 2
    assert float(mean_match_score(targets, twice, faces_twice, weights=unlike)) == pytest.approx(expected)
    # A refiner knows them by name.
    once = refiner(reader, {}, steps=1)
    weighted = once.refine(faces[:1], seed=1, attempt=Attempt(weights=[{"dlib-resnet": 3.0, "another": 9.0}]))
    assert np.array_equal(weighted[0].refinement, once.refine(faces[:1], seed=1)[0].refinement)


def test_without_a_known_template_each_face_is_taken_away_from_itself(faces, reader):
    population = torch.as_tensor(reader.recogniser.population).numpy()
    alone = refiner(reader, {}).refine(faces[:2], seed=0)
    for face, own in zip(faces, alone, strict=False):
        before, after = embed(
            [(face.pixels, face.face), (masked(face, NOTHING, own.refinement), face.face)], reader.recogniser
        )
        assert similarity(before, after, population) < 0.4


def test_no_steps_change_nothing(faces, templates, reader):
    mask = Mask(np.full_like(NOTHING.values, 5 / 255), NOTHING.template, EPSILON)
    none = Refiner(
        mask, [reader.recogniser], templates, budget=STRENGTHS["high"], settings=RefinementSettings(steps=0, views=1)
    )
    (own,) = none.refine(faces[:1], seed=0)
    assert not own.refinement.any()


def test_on_a_grey_photo_the_direction_is_that_of_the_grey_mask(faces, templates, reader):
    grey = FaceCrop(faces[0].pixels.mean(2, keepdims=True).repeat(3, 2).astype(np.uint8), faces[0].face, True)
    (own,) = refiner(reader, templates).refine([grey], seed=0)
    flat = own.refinement.mean(0, keepdims=True).repeat(3, 0).round().astype(np.int8)
    (after,) = embed([(masked(grey, NOTHING, flat), grey.face)], reader.recogniser)
    population = reader.recogniser.population.numpy()
    assert similarity(after, own.directions["dlib-resnet"] + population, population) > 0.95
    assert similarity(after, templates["dlib-resnet"].mean, population) < 0.5


@pytest.mark.parametrize(
    ("mask", "mean"),
    [(Mask(np.zeros((3, 112, 112), np.float32), NOTHING.template, EPSILON), np.ones(128)), (NOTHING, np.ones(5))],
)
def test_a_mask_or_a_template_that_does_not_fit_is_refused(mask, mean, reader):
    template = FaceTemplate(mean.astype(np.float32), 1.0)
    with pytest.raises(InputError, match="`refine=0`"):
        Refiner(mask, [reader.recogniser], {"dlib-resnet": template}, budget=STRENGTHS["mid"])
