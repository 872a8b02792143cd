from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from guise.chameleon.faces import geometry
from guise.chameleon.faces.linking import Enrolment, links
from guise.chameleon.faces.selection import FaceSelector, WhoseFace
from guise.chameleon.faces.template import FaceTemplate
from guise.chameleon.learning.learn import EPSILON
from guise.chameleon.learning.refine import RefinementSettings, Refiner
from guise.chameleon.mask.key import Key, Provenance
from guise.chameleon.mask.mask import Mask
from guise.chameleon.protection.job import Job
from guise.chameleon.protection.patience import fit_group
from guise.chameleon.protection.photo import lay, protect_photo
from guise.chameleon.protection.task import Task
from guise.chameleon.protection.trial import Fitted, Subject
from guise.chameleon.visibility.budget import STRENGTHS
from guise.models import load_recogniser
from guise.models.errors import ImageError
from guise.models.files import as_saved, read_photo

NOTHING = Mask(np.zeros((3, geometry.CANVAS, geometry.CANVAS), np.float32), geometry.CANONICAL_TEMPLATE, EPSILON)
TRIES = 4
NEARER_THAN_ANY = 9.0


@pytest.fixture(scope="module")
def photos(astronaut, tmp_path_factory):
    """Two of one person, the second mirrored."""
    folder = tmp_path_factory.mktemp("patience")
    astronaut.save(folder / "a.jpg", quality=92)
    astronaut.transpose(0).save(folder / "b.jpg", quality=92)
    return [read_photo(folder / name) for name in ("a.jpg", "b.jpg")]


@pytest.fixture(scope="module")
def faces(photos, reader):
    return [reader.read(photo.pixels, name="photo")[:1] for photo in photos]


@pytest.fixture(scope="module")
def suspicious(faces, reader):
    """Whoever knows the user takes any face for the user's."""
    template = FaceTemplate(faces[0][0].embedding, 0.6)
    selector = FaceSelector(WhoseFace.REFERENCE, template, NEARER_THAN_ANY)
    return Enrolment(reader, selector, [reader.recogniser], {"dlib-resnet": template})


@pytest.fixture(scope="module")
def job(suspicious, reader):
    known, selector = suspicious.templates, suspicious.selector
    key = Key(NOTHING, selector, Provenance(("dlib-resnet",), "guise", "high", 1, 1, 0, "0.1.0"), known)
    settings = RefinementSettings(steps=2, views=1, learning_rate=0.75 / 255)
    refiner = Refiner(NOTHING, [reader.recogniser], known, budget=STRENGTHS["high"], settings=settings)
    return Job(Path(), Path(), key, Path(), STRENGTHS["high"], refiner=refiner, patience=TRIES)


@pytest.fixture(scope="module")
def enrolment(job, photos, faces, suspicious):
    """Its threshold is such that a first fit just leaves both faces linked; how far that gets differs by processor."""
    fits = fit(replace(job, patience=0), photos, faces, suspicious)
    farthest = max(fitted.linking[0]["dlib-resnet"] for fitted in fits)
    return replace(suspicious, selector=replace(suspicious.selector, threshold=1.03 * NEARER_THAN_ANY * farthest))


def subjects_of(job, photos, faces, enrolment):
    tasks = [Task(Path(f"{number}.jpg"), photo, False, None) for number, photo in enumerate(photos)]
    return [Subject(job, task, own, enrolment) for task, own in zip(tasks, faces, strict=True)]


def fit(job, photos, faces, enrolment, **how):
    return fit_group(job, subjects_of(job, photos, faces, enrolment), **how)


@pytest.fixture(scope="module")
def once(job, photos, faces, enrolment):
    return fit(replace(job, patience=0), photos, faces, enrolment)


@pytest.fixture(scope="module")
def patiently(job, photos, faces, enrolment):
    """With patience, and the progress that was told."""
    steps = []
    return fit(job, photos, faces, enrolment, progress=lambda *at: steps.append(at)), steps


@pytest.fixture
def attempts(monkeypatch):
    """What refiners are asked for besides the photos: seed, number of faces and `Attempt`, of each time."""
    asked, refine = [], Refiner.refine

    def recorded(self, crops, *, seed, attempt, progress):
        asked.append((seed, len(crops), attempt))
        return refine(self, crops, seed=seed, attempt=attempt, progress=progress)

    monkeypatch.setattr(Refiner, "refine", recorded)
    return asked


@pytest.fixture
def scores(monkeypatch):
    """How each further attempt came out."""
    seen, try_again = [], Subject.try_again

    def recorded(self, refined):
        tried = try_again(self, refined)
        seen.append(tried.score)
        return tried

    monkeypatch.setattr(Subject, "try_again", recorded)
    return seen


def linked(fitted, photo, own, enrolment):
    described = fitted.described(photo)
    saved = as_saved(described, lay(described, NOTHING, fitted.placements).pixels, photo.pixels)
    return links(saved, own[0].face, enrolment.enrol(photo.pixels, own[0]), enrolment.reader.detector)["dlib-resnet"]


def test_photos_that_are_still_linked_are_fitted_until_they_are_not(photos, faces, enrolment, once, patiently):
    assert [fitted.again for fitted in once] == [0, 0]
    assert all(linked(*each, enrolment).linked for each in zip(once, photos, faces, strict=True))
    fits, steps = patiently
    assert not any(linked(*each, enrolment).linked for each in zip(fits, photos, faces, strict=True))
    rounds = max(fitted.again for fitted in fits)
    assert 1 <= rounds < TRIES  # it stops as soon as nobody links them
    assert steps == [(what, step, 2) for what in ("fitting", *rounds * ["fitting again"]) for step in (1, 2)]
    for fitted in fits:
        (placement,) = fitted.placements
        assert np.array_equal(placement.refinement, fitted.refined[0].refinement)


def test_photos_that_are_fitted_again_are_compressed_little(photos, patiently):
    for fitted in patiently[0]:
        assert fitted.finely
        before, written = photos[0].shown.options, fitted.described(photos[0]).shown.options
        assert "qtables" in before and "qtables" not in written
        assert fitted.described(photos[0]).pixels is photos[0].pixels


def test_a_photo_that_nobody_links_keeps_its_compression_and_is_left_alone(
    job, photos, faces, enrolment, patiently, attempts
):
    """The same masks with bounds so wide that they do in a file like the original, too."""
    wide = replace(job, budget=replace(STRENGTHS["high"], ssim=0.5, flip=0.5, fleck=30, largest_fleck=60))
    subject = subjects_of(wide, photos[:1], faces[:1], enrolment)[0]
    fitted = subject.put_on(patiently[0][0].refined)
    assert not fitted.finely and fitted.linking == [{}] and fitted.score == (0, 0)
    assert fitted.described(photos[0]) is photos[0] and attempts == []


def test_the_best_is_kept_and_the_same_call_gives_the_same(job, photos, faces, enrolment, scores):
    """At `low` six steps are too few every time."""
    refiner = Refiner(
        NOTHING,
        job.refiner._recognisers,
        job.refiner._templates,
        budget=STRENGTHS["low"],
        settings=job.refiner.settings,
    )
    low = replace(job, budget=STRENGTHS["low"], refiner=refiner, patience=2)
    (first,) = fit(replace(low, patience=0), photos[:1], faces[:1], enrolment)
    runs = [fit(low, photos[:1], faces[:1], enrolment)[0] for _ in range(2)]
    assert [run.again for run in runs] == [2, 2] and scores[:2] == scores[2:]
    assert runs[0].score == min([first.score, *scores]) and runs[0].score[0] == 1
    assert linked(runs[0], photos[0], faces[0], enrolment).distance == pytest.approx(1 - runs[0].score[1])
    assert runs[0].placements[0].amplitude == runs[1].placements[0].amplitude
    assert np.array_equal(runs[0].refined[0].refinement, runs[1].refined[0].refinement)


def test_all_of_the_budget_goes_against_the_user_at_first_from_where_it_is(job, photos, faces, enrolment, attempts):
    tight = replace(STRENGTHS["low"], ssim=0.995)
    first = fit(replace(job, budget=tight, patience=0), photos, faces, enrolment)
    attempts.clear()
    fits = fit(replace(job, budget=tight, patience=4), photos, faces, enrolment)
    assert [fitted.again for fitted in fits] == [4, 4]
    (_, both, usual), *tries = attempts
    assert both == 2 and not usual.starts and not usual.weights and usual.dispersion is None
    assert [count for _, count, _ in tries] == [2, 2, 2, 2]
    tries = [attempt for _, _, attempt in tries]
    assert all(attempt.dispersion == 0 for attempt in tries)
    noise = [start for attempt in tries[2:] for start in attempt.starts]
    assert all(1 < abs(start).mean() < 8 == abs(start).max() for start in noise)
    assert len({start.tobytes() for start in noise}) == 4
    for start, fitted in zip(tries[0].starts, first, strict=True):
        assert np.array_equal(start, fitted.refined[0].refinement)
    assert all(list(attempt.weights) == [{"dlib-resnet": 3.0}] * 2 for attempt in tries)
    assert len({seed for seed, *_ in attempts}) == 5


def test_only_faces_that_somebody_links_are_fitted_again(job, photos, faces, enrolment, attempts, monkeypatch):
    put_on = Subject.put_on

    def only_one_is_linked(self, refined):
        fitted = put_on(self, refined)
        return replace(fitted, linking=[{}]) if self.task.path == Path("1.jpg") else fitted

    monkeypatch.setattr(Subject, "put_on", only_one_is_linked)
    one, other = fit(replace(job, patience=1), photos, faces, enrolment)
    assert (one.again, other.again) == (1, 0)
    assert [count for _, count, _ in attempts] == [2, 1]


def test_fewer_links_count_before_nearer_ones():
    two, one, nearer = ([{"a": 0.99, "b": 0.99}], [{"a": 0.2}], [{"a": 0.5}])
    scores = [Fitted((), False, (), linking).score for linking in (two, one, nearer, [{}, {}])]
    assert sorted(scores, reverse=True) == scores


def test_who_does_not_link_the_original_or_only_measures_does_not_count(job, photos, faces, enrolment):
    stranger = FaceTemplate(np.roll(faces[0][0].embedding, 7), 0.6)
    apart = replace(enrolment, selector=replace(enrolment.selector, template=stranger))
    sface = load_recogniser("sface", offline=True)
    other = Refiner(NOTHING, [sface], {}, budget=STRENGTHS["high"], settings=RefinementSettings(steps=1, views=1))
    for who, how in ((apart, job), (enrolment, replace(job, refiner=other))):
        (fitted,) = fit(how, photos[:1], faces[:1], who)
        assert fitted.linking == [{}] and not fitted.again and not fitted.finely


def test_a_mask_that_does_not_fit_is_told_and_an_attempt_that_does_not_is_passed_over(
    job, photos, faces, enrolment, monkeypatch
):
    tried = []

    def first_only(photo, faces, mask, *, refinements, **bounds):
        tried.append(refinements[0])
        if refinements[0] is not tried[0]:
            raise ImageError("no mask fits")
        return protect_photo(photo, faces, mask, refinements=refinements, **bounds)

    monkeypatch.setattr("guise.chameleon.protection.trial.protect_photo", first_only)
    (fitted,) = fit(job, photos[:1], faces[:1], enrolment)
    assert fitted.again == TRIES and fitted.refined[0].refinement is tried[0]


def test_photos_that_no_mask_fits_or_that_are_gone_are_told(job, photos, faces, enrolment):
    """The others of their group are fitted."""
    strong = replace(job.refiner.settings, learning_rate=16 / 255)
    refiner = Refiner(NOTHING, job.refiner._recognisers, enrolment.templates, budget=STRENGTHS["high"], settings=strong)
    none = replace(job, refiner=refiner, budget=replace(STRENGTHS["low"], flip=1e-9), patience=0)
    assert [type(error) for error in fit(none, photos, faces, enrolment)] == [ImageError] * 2
    gone, here = subjects_of(replace(job, patience=0), photos, faces, enrolment)
    gone.task = replace(gone.task, photo=replace(photos[0], pixels=photos[0].pixels[:0]))
    error, fitted = fit_group(replace(job, patience=0), [gone, here])
    assert isinstance(error, ImageError) and fitted.refined


def test_photos_come_out_the_same_whether_their_pixels_are_held_or_read_again(
    job, faces, enrolment, tmp_path, astronaut
):
    """As of photos too large to hold several."""
    folder = tmp_path / "photos"
    folder.mkdir()
    astronaut.save(folder / "0.jpg", quality=92)
    photo = read_photo(folder / "0.jpg")
    light = Task(Path("0.jpg"), replace(photo, pixels=photo.pixels[:0].copy(), compressed=None), False, None)
    assert not light.held
    own = replace(job, folder=folder)
    held = fit(own, [photo], faces[:1], enrolment)[0]
    again = fit_group(own, [Subject(own, light, faces[0], enrolment)])[0]
    assert held.again == again.again and held.score == again.score
    assert np.array_equal(held.refined[0].refinement, again.refined[0].refinement)
