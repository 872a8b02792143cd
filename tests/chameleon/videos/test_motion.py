"""Masks follow faces, and do not take over the noise of single landmarks."""

from __future__ import annotations

import numpy as np
import pytest

from guise.chameleon.faces import geometry
from guise.chameleon.faces.detection import Face
from guise.chameleon.mask.mask import Mask
from guise.chameleon.videos.motion import placements_of
from guise.chameleon.videos.plan import Knot, MaskPlan, between, changes_of, held
from guise.chameleon.videos.track import Sighting, Track, Tracked

POINTS = geometry.CANONICAL_TEMPLATE
EYES = 42


def moving(count: int, *, noise: float, jump: bool = False) -> tuple[Tracked, list[np.ndarray]]:
    """A face that moves, grows and nods, found with noise (a share of the distance between the eyes)."""
    random = np.random.default_rng(3)
    places, sightings = [], {}
    for number in range(count):
        share = number / 40
        turn = (1 + 0.3 * np.sin(3 * share)) * np.exp(0.1j * np.sin(5 * share))
        linear = np.array([[turn.real, -turn.imag], [turn.imag, turn.real]])
        x = 100 + 150 * share + (300 if jump and number >= count // 2 else 0)
        places.append(np.column_stack([linear, (x, 80 + 20 * np.sin(4 * share))]))
        found = geometry.apply(places[-1], POINTS) + random.normal(0, noise * EYES, (5, 2))
        sightings[number] = Sighting(Face(np.zeros(4), found, 1.0))
    times = np.arange(count) / 25
    return Tracked(times, np.zeros(count, int), (Track(0, sightings),), 1), places


def on_face(tracked: Tracked, places: list[np.ndarray], *, smooth: bool) -> np.ndarray:
    """Where the mask's points lie on the face, in distances between the eyes."""
    placed = placements_of(tracked, 0, smooth=smooth)
    to_face = (geometry.compose(geometry.inverse(placed[n]), geometry.inverse(place)) for n, place in enumerate(places))
    return np.array([geometry.apply(transform, POINTS) - POINTS for transform in to_face]) / EYES


def change(lies: np.ndarray) -> float:
    return float(np.linalg.norm(np.diff(lies, axis=0), axis=2).mean())


def test_noise_of_landmarks_is_taken_out() -> None:
    found = moving(60, noise=0.03)
    smooth, each = (on_face(*found, smooth=smooth) for smooth in (True, False))
    assert change(smooth) < 0.25 * change(each)
    assert np.linalg.norm(smooth, axis=2).mean() < np.linalg.norm(each, axis=2).mean()


def test_movement_stays() -> None:
    found = moving(60, noise=0)
    assert np.linalg.norm(on_face(*found, smooth=True), axis=2).max() < 0.01


def test_a_jump_is_followed_at_once() -> None:
    found = moving(40, noise=0, jump=True)
    assert np.linalg.norm(on_face(*found, smooth=True), axis=2).max() < 0.1


def test_runs_are_not_joined_across_a_gap() -> None:
    tracked, places = moving(40, noise=0.01)
    for number in range(18, 24):
        del tracked.tracks[0].sightings[number]
    placed = placements_of(tracked, 0)
    assert set(placed) == {*range(18), *range(24, 40)} and len(list(tracked.tracks[0].runs())) == 2
    assert len(placed) < len(places)


@pytest.fixture
def plan() -> MaskPlan:
    tracked, _ = moving(40, noise=0)
    ones = np.ones((3, geometry.CANVAS, geometry.CANVAS), np.float32)
    masks = [Knot(0.2, 0.02 * ones), Knot(1.0, 0.04 * ones)]
    amplitudes = [Knot(0.0, np.array(1.0)), Knot(1.6, np.array(0.5))]
    return MaskPlan(placements_of(tracked, 0), masks, amplitudes, Mask(0 * ones, POINTS, 16 / 255))


def test_a_mask_changes_evenly_between_the_pictures_that_it_was_fitted_to(plan: MaskPlan) -> None:
    levels = [plan.change(n, n / 25, height=300, width=600).levels[80, 80, 0] for n in range(40)]
    assert levels[0] == pytest.approx(255 * 0.02, abs=1)
    assert max(abs(np.diff(levels))) <= 1
    assert float(plan.at(0.6).values.max()) == pytest.approx(0.03)


def test_nothing_is_blended_from_one_run_into_another() -> None:
    knots = [Knot(time, np.array(value)) for time, value in ((0.5, 1.0), (0.8, 2.0), (2.0, 3.0), (9.0, 4.0))]
    ends = held(knots, [(0.0, 1.0), (1.04, 3.0), (4.0, 5.0)])
    assert [(knot.time, float(knot.value)) for knot in ends] == [
        (0.0, 1.0), (0.5, 1.0), (0.8, 2.0), (1.0, 2.0), (1.04, 3.0), (2.0, 3.0), (3.0, 3.0)
    ]  # fmt: skip
    assert float(between(ends, 1.0)) == 2 and float(between(ends, 1.04)) == 3
    assert held(knots[:1], [(0.5, 0.5)]) == knots[:1]


def test_pictures_without_the_face_and_masks_without_strength_change_nothing(plan: MaskPlan) -> None:
    assert plan.change(99, 0.5, height=300, width=600) is None
    none = MaskPlan(plan.placements, plan.masks, [Knot(0.0, np.array(0.0))], plan.base)
    changes = changes_of([plan, none], np.arange(40) / 25, height=300, width=600)
    assert len(changes(3)) == 1
