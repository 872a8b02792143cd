from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from guise.chameleon.faces import geometry
from guise.chameleon.faces.crop import FaceCrop
from guise.chameleon.faces.linking import Enrolment, links
from guise.chameleon.faces.selection import FaceSelector, WhoseFace
from guise.chameleon.faces.template import FaceTemplate
from guise.chameleon.learning.learn import EPSILON
from guise.chameleon.learning.refine import RefinementSettings, Refiner
from guise.chameleon.mask.key import Key, Provenance
from guise.chameleon.mask.mask import Mask
from guise.chameleon.protection.job import Job
from guise.chameleon.protection.patience import _Subject, _Trial, fit_photo
from guise.chameleon.protection.photo import protect_photo
from guise.chameleon.visibility.budget import STRENGTHS
from guise.models import load_recogniser
from guise.models.errors import ImageError
from guise.models.files import as_saved, read_photo

NOTHING = Mask(np.zeros((3, geometry.CANVAS, geometry.CANVAS), np.float32), geometry.CANONICAL_TEMPLATE, EPSILON)
TRIES = 3


@pytest.fixture(scope="module")
def photo(astronaut, tmp_path_factory):
    path = tmp_path_factory.mktemp("patience") / "a.jpg"
    astronaut.save(path, quality=92)
    return read_photo(path)


@pytest.fixture(scope="module")
def faces(photo, reader):
    return reader.read(photo.pixels, name="a.jpg")[:1]


@pytest.fixture(scope="module")
def enrolment(faces, reader):
    selector = FaceSelector(WhoseFace.REFERENCE, FaceTemplate(faces[0].embedding, 0.6), 0.6)
    return Enrolment(reader, selector, [reader.recogniser], {"dlib-resnet": selector.template})


@pytest.fixture(scope="module")
def job(enrolment, reader):
    """Two steps leave the face linked; four more do not."""
    selector = enrolment.selector
    key = Key(NOTHING, selector, Provenance(("dlib-resnet",), "guise", "high", 1, 1, 0, "0.1.0"), enrolment.templates)
    settings = RefinementSettings(steps=2, views=1)
    refiner = Refiner(NOTHING, [reader.recogniser], enrolment.templates, budget=STRENGTHS["high"], settings=settings)
    return Job(Path(), Path(), key, Path(), STRENGTHS["high"], refiner=refiner, patience=TRIES)


@pytest.fixture(scope="module")
def refined(job, photo, faces):
    return job.refiner.refine([FaceCrop.cut(photo.pixels, faces[0].face)], seed=1)


@pytest.fixture(scope="module")
def fitted(job, photo, faces, enrolment, refined):
    """With patience, and the progress that was told."""
    steps = []
    return fit_photo(job, photo, faces, enrolment, refined=refined, progress=lambda *at: steps.append(at)), steps


@pytest.fixture
def attempts(monkeypatch):
    """What refiners are asked for besides the photo: seed and `Attempt`, of each time."""
    asked, refine = [], Refiner.refine
    monkeypatch.setattr(
        Refiner, "refine", lambda *a, **k: (asked.append((k["seed"], k["attempt"])), refine(*a, **k))[1]
    )
    return asked


@pytest.fixture
def scores(monkeypatch):
    """How each attempt came out."""
    seen, attempt = [], _Subject.attempt

    def recorded(self, best, *args):
        tried = attempt(self, best, *args)
        seen.append(tried.score)
        return tried

    monkeypatch.setattr(_Subject, "attempt", recorded)
    return seen


def link_of(fitted, photo, faces, enrolment):
    enrolled = enrolment.enrol(photo.pixels, faces[0])
    seen = links(as_saved(fitted.photo, fitted.protected.pixels), faces[0].face, enrolled, enrolment.reader.detector)
    return seen["dlib-resnet"]


def test_a_photo_that_is_still_linked_is_fitted_until_it_is_not(job, photo, faces, enrolment, refined, fitted):
    once = fit_photo(replace(job, patience=0), photo, faces, enrolment, refined=refined)
    assert once.again == 0 and once.refined == refined
    alone = protect_photo(
        photo, [faces[0].face], NOTHING, budget=job.budget, refinements=[own.refinement for own in refined]
    )
    assert np.array_equal(once.protected.pixels, alone.pixels)
    assert link_of(once, photo, faces, enrolment).linked
    patiently, steps = fitted
    assert not link_of(patiently, photo, faces, enrolment).linked
    assert 1 <= patiently.again < TRIES  # it stops as soon as nobody links the photo
    made = [("fitting again", done, TRIES) for done in range(patiently.again)]
    assert steps == [*made, ("fitting again", TRIES, TRIES)]
    (placement,) = patiently.protected.placements
    assert np.array_equal(placement.refinement, patiently.refined[0].refinement)


def test_a_photo_that_is_fitted_again_is_compressed_little(photo, fitted):
    patiently, _ = fitted
    written, before = patiently.photo.shown.options, photo.shown.options
    assert "qtables" in before and "qtables" not in written
    assert patiently.photo.pixels is photo.pixels


def test_a_photo_that_nobody_links_is_left_alone(job, faces, enrolment, fitted, attempts):
    patiently, _ = fitted
    again = fit_photo(job, patiently.photo, faces, enrolment, refined=patiently.refined)
    assert attempts == [] and again.again == 0
    assert np.array_equal(again.protected.pixels, patiently.protected.pixels)


def test_of_all_attempts_the_best_is_kept_and_the_same_call_gives_the_same(
    job, photo, faces, enrolment, refined, scores
):
    """At `low` four steps are too few every time."""
    low = replace(job, budget=STRENGTHS["low"], patience=2)
    first = _Subject(low, low.refiner, photo, faces, enrolment).trial(photo, refined)
    runs = [fit_photo(low, photo, faces, enrolment, refined=refined) for _ in range(2)]
    assert [run.again for run in runs] == [2, 2] and scores[:2] == scores[2:]
    kept = _Subject(low, low.refiner, photo, faces, enrolment).trial(runs[0].photo, runs[0].refined)
    assert kept.score == min([first.score, *scores]) and kept.score[0] == 1
    assert link_of(runs[0], photo, faces, enrolment).distance == pytest.approx(1 - kept.score[1])
    assert np.array_equal(runs[0].protected.pixels, runs[1].protected.pixels)


def test_more_steps_come_first_then_another_start_then_the_whole_budget(
    job, photo, faces, enrolment, refined, attempts
):
    other = {"dlib-resnet": np.eye(128, dtype=np.float32)[0]}
    low = replace(job, budget=STRENGTHS["low"], patience=4)
    fit_photo(low, photo, faces, enrolment, refined=refined, others=[other])
    tries = [attempt for _, attempt in attempts]
    assert np.array_equal(tries[0].start, refined[0].refinement)
    assert [attempt.dispersion for attempt in tries] == [None, None, 0.0, 0.0]
    noise = [tries[1].start, tries[3].start]
    assert all(1 < abs(start).mean() < 8 == abs(start).max() for start in noise) and (noise[0] != noise[1]).any()
    assert tries[2].start.any() and not any(np.array_equal(tries[2].start, start) for start in noise)
    assert all(attempt.weights == {"dlib-resnet": 3.0} for attempt in tries)
    assert all(attempt.others == [other] for attempt in tries)
    assert len({seed for seed, _ in attempts}) == 4


def test_fewer_links_count_before_nearer_ones():
    two, one, nearer = ([{"a": 0.99, "b": 0.99}], [{"a": 0.2}], [{"a": 0.5}])
    scores = [_Trial(None, [], None, linking).score for linking in (two, one, nearer, [{}, {}])]
    assert sorted(scores, reverse=True) == scores


def test_who_does_not_link_the_original_or_only_measures_does_not_count(
    job, photo, faces, enrolment, refined, attempts
):
    stranger = FaceTemplate(np.roll(faces[0].embedding, 7), 0.6)
    apart = replace(enrolment, selector=replace(enrolment.selector, template=stranger))
    sface = load_recogniser("sface", offline=True)
    other = Refiner(NOTHING, [sface], {}, budget=STRENGTHS["high"], settings=RefinementSettings(steps=1, views=1))
    assert not fit_photo(job, photo, faces, apart, refined=refined).again
    assert not fit_photo(replace(job, refiner=other), photo, faces, enrolment, refined=refined).again
    assert attempts == []


def test_an_attempt_that_does_not_fit_the_budget_is_passed_over(job, photo, faces, enrolment, refined, monkeypatch):
    plain = fit_photo(replace(job, patience=0), photo, faces, enrolment, refined=refined)

    def never_again(photo, faces, mask, *, refinements, **bounds):
        if refinements[0] is not refined[0].refinement:
            raise ImageError("no mask fits")
        return protect_photo(photo, faces, mask, refinements=refinements, **bounds)

    monkeypatch.setattr("guise.chameleon.protection.patience.protect_photo", never_again)
    fitted = fit_photo(job, photo, faces, enrolment, refined=refined)
    assert fitted.again == TRIES and np.array_equal(fitted.protected.pixels, plain.protected.pixels)
