"""Who is followed through a video, and where masks would lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageFilter

from guise.chameleon.faces import geometry
from guise.chameleon.faces.embedding import FaceReader
from guise.chameleon.faces.selection import FaceSelector, WhoseFace, select_reference
from guise.chameleon.videos.motion import placements_of
from guise.chameleon.videos.track import Tracked
from guise.chameleon.videos.tracking import Tracker
from tests.chameleon.videos.scenes import Scene, beside, empty, portrait, scene, stranger


@pytest.fixture(scope="module")
def user(reader: FaceReader) -> FaceSelector:
    """Who is told apart from `stranger`, at .57 from the portrait."""
    return select_reference(reader.read(np.asarray(portrait()), name="portrait"), threshold=0.38)


def tracked(pictures: Sequence[np.ndarray], reader: FaceReader, selector: FaceSelector) -> Tracked:
    tracker = Tracker(reader, selector)
    for number, pixels in enumerate(pictures):
        tracker.feed(pixels, number / 25)
    return tracker.finish()


def landmarks(reader: FaceReader) -> np.ndarray:
    return reader.detector.detect(np.asarray(portrait()))[0].landmarks


def still(share: float) -> tuple[float, float, float, float]:
    return 240 + 8 * share, 135, 0.9, 0


@pytest.fixture(scope="module")
def swinging(reader: FaceReader, user: FaceSelector) -> tuple[Scene, Tracked]:
    shown = scene(26)
    return shown, tracked(shown.pictures, reader, user)


def test_a_face_that_moves_and_turns_is_found_in_every_picture(swinging, reader: FaceReader) -> None:
    shown, found = swinging
    assert found.masked == set(range(26)) and not found.carried and not found.missed
    assert len(found.tracks) == 1 and found.searched == 1
    known = landmarks(reader)
    for number, place in enumerate(shown.places):
        face = found.tracks[0].sightings[number].face
        expected = geometry.apply(place, known)
        eyes = np.linalg.norm(expected[1] - expected[0])
        assert np.linalg.norm(face.landmarks - expected, axis=1).mean() < 0.06 * eyes


def shiver(shown: Scene, found: Tracked, reader: FaceReader, *, smooth: bool) -> np.ndarray:
    """How far a mask moves on the face from each picture to the next, in distances between the eyes."""
    points = geometry.CANONICAL_TEMPLATE
    on_portrait = geometry.inverse(geometry.align(landmarks(reader), points))
    placed = placements_of(found, 0, smooth=smooth)
    each = []
    for number, place in enumerate(shown.places):
        to_face = geometry.compose(geometry.inverse(placed[number]), geometry.inverse(place))
        each.append(geometry.apply(to_face, points))
    eyes = np.linalg.norm(np.diff(geometry.apply(on_portrait, points[:2]), axis=0))
    return np.linalg.norm(np.diff(each, axis=0), axis=2).mean(1) / eyes


def test_a_mask_does_not_shiver_on_the_face(swinging, reader: FaceReader) -> None:
    steady = shiver(*swinging, reader, smooth=True)
    assert steady.mean() < 0.006 and steady.max() < 0.02


def test_a_mask_stays_on_the_face(swinging, reader: FaceReader) -> None:
    shown, found = swinging
    placed, known = placements_of(found, 0), landmarks(reader)
    on_portrait = geometry.apply(geometry.align(known, geometry.CANONICAL_TEMPLATE), known)
    for number, place in enumerate(shown.places):
        lies = geometry.apply(placed[number], geometry.apply(place, known))
        assert np.linalg.norm(lies - on_portrait, axis=1).mean() < 0.05 * 42  # of the distance between the eyes


def test_somebody_else_after_a_cut_in_the_same_place_gets_no_mask(reader: FaceReader, user: FaceSelector) -> None:
    def still(_: float) -> tuple[float, float, float, float]:
        return 240, 140, 1, 0

    first, other = scene(10, still), scene(9, still, of=stranger(), seed=3)
    found = tracked(first.pictures + other.pictures + first.pictures[:5], reader, user)
    assert found.masked == {*range(10), *range(19, 24)}
    assert len(set(found.scenes.tolist())) == 3


@pytest.mark.parametrize("first", [7, 12])  # within the pictures that are held together, and between two lots
def test_the_user_seen_anew_in_the_same_place_begins_a_run(reader: FaceReader, user: FaceSelector, first: int) -> None:
    """A cut to the same face looking the other way, while the background stays: no mask is carried over."""
    turned = portrait().transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    shown = scene(first, still).pictures + scene(8, still, of=turned).pictures
    found = tracked(shown, reader, user)
    (track,) = found.tracks
    assert len(set(found.scenes)) == 1 and track.jumps == {first}
    assert list(track.runs()) == [[*range(first)], [*range(first, first + 8)]]


def test_somebody_else_without_a_cut_gets_no_mask(
    reader: FaceReader, user: FaceSelector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("guise.chameleon.videos.cuts._LEAST", 1e9)  # no cut is noticed

    def still(_: float) -> tuple[float, float, float, float]:
        return 240, 140, 1, 0

    found = tracked(scene(15, still).pictures + scene(9, still, of=stranger()).pictures, reader, user)
    assert found.masked == set(range(15))


def test_only_the_user_is_followed_among_others(reader: FaceReader, user: FaceSelector) -> None:
    shown = beside(scene(14, of=stranger(), seed=1).pictures, scene(14).pictures)
    found = tracked(shown, reader, user)
    assert found.masked == set(range(14)) and len(found.tracks) == 1
    assert min(seen.face.box[0] for seen in found.tracks[0].sightings.values()) > 480
    everyone = replace(user, whose=WhoseFace.ALL)
    both = tracked(shown, reader, everyone)
    assert [len(track.sightings) for track in both.tracks] == [14, 14]


def test_a_face_that_leaves_and_comes_back_is_found_again(reader: FaceReader, user: FaceSelector) -> None:
    def through(share: float) -> tuple[float, float, float, float]:
        return 240 + 560 * np.sin(2 * np.pi * share), 140, 0.9, 0

    shown = scene(40, through)
    found = tracked(shown.pictures, reader, user)
    inside = {n for n, place in enumerate(shown.places) if 60 < (place @ (135, 100, 1))[0] < 420}
    assert inside <= found.masked
    away = {n for n, place in enumerate(shown.places) if not -40 < (place @ (135, 100, 1))[0] < 520}
    assert len(away) > 5 and not away & found.masked


def test_a_face_that_blurs_for_a_moment_is_carried_and_counted(reader: FaceReader, user: FaceSelector) -> None:
    pictures = scene(20, noise=0).pictures
    for number in (8, 9):
        covered = Image.fromarray(pictures[number])
        pictures[number] = np.asarray(covered.filter(ImageFilter.GaussianBlur(14)))
    found = tracked(pictures, reader, user)
    assert found.masked | found.missed == set(range(20))
    assert found.masked >= set(range(20)) - {8, 9}
    assert found.carried | found.missed <= {8, 9}


def test_a_jump_right_after_the_face_was_lost_is_kept(reader: FaceReader, user: FaceSelector) -> None:
    turned = portrait().transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    shown = [scene(9, still), empty(3), scene(4, still), scene(8, still, of=turned)]
    found = tracked([picture for part in shown for picture in part.pictures], reader, user)
    assert 16 in {number for track in found.tracks for number in track.jumps}
    assert not any({15, 16} <= set(run) for track in found.tracks for run in track.runs())


def test_nobody_is_found_where_nobody_is(reader: FaceReader, user: FaceSelector) -> None:
    found = tracked(empty(13).pictures, reader, user)
    assert found.frames == 13 and not found.tracks and not found.missed
