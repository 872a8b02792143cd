import numpy as np

from guise.chameleon.faces.embedding import embed, similarity
from guise.chameleon.learning.learn import EPSILON, LearningSettings, learn_mask
from guise.chameleon.visibility.budget import STRENGTHS
from tests.chameleon.masking import masked


def test_a_learnt_mask_takes_faces_away_from_the_user_and_a_random_one_does_not(faces, mask, reader):
    recogniser = reader.recogniser
    population = recogniser.population.numpy()
    clean = embed([(p.pixels, p.face) for p in faces], recogniser)
    protected = embed([(masked(p, mask), p.face) for p in faces], recogniser)
    noise = np.random.default_rng(0).permuted(mask.values.reshape(3, -1), axis=1).reshape(mask.values.shape)
    shuffled = type(mask)(noise, mask.template, mask.epsilon)
    random = embed([(masked(p, shuffled), p.face) for p in faces], recogniser)
    mean = clean.mean(0)
    for before, after, other in zip(clean, protected, random, strict=True):
        assert similarity(after, mean, population) < 0.4
        assert similarity(other, mean, population) > 0.8
        assert similarity(before, mean, population) > 0.9


def test_the_same_seed_gives_the_same_mask_and_another_does_not(faces, reader):
    settings = LearningSettings(steps=3, batch=2, views=2, watched=1)
    masks = [
        learn_mask(faces, [reader.recogniser], budget=STRENGTHS["mid"], settings=settings, seed=seed)
        for seed in (5, 5, 6)
    ]
    assert masks[0].digest == masks[1].digest != masks[2].digest


def test_learning_reports_progress_and_stays_within_epsilon(faces, reader):
    seen = []
    settings = LearningSettings(steps=4, batch=3, views=1, watched=1, learning_rate=1.0)
    learnt = learn_mask(
        faces[:1],
        [reader.recogniser],
        budget=STRENGTHS["high"],
        settings=settings,
        progress=lambda done, total: seen.append((done, total)),
    )
    assert seen == [(1, 4), (2, 4), (3, 4), (4, 4)]
    assert abs(learnt.values).max() <= EPSILON + 1e-7
