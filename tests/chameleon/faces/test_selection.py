from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guise.chameleon.faces.detection import Face
from guise.chameleon.faces.embedding import EmbeddedFace
from guise.chameleon.faces.selection import FaceSelector, WhoseFace, select_recurring, select_reference
from guise.chameleon.faces.template import FaceTemplate
from guise.models.errors import FaceError

THRESHOLD = 0.6
FACE = Face(np.array([10.0, 10, 60, 80]), np.zeros((5, 2)), 1.0)
RANDOM = np.random.default_rng(0)


def someone(seed: int) -> np.ndarray:
    """A person: a point far from all others in 128 dimensions."""
    return np.random.default_rng(seed).normal(size=128).astype(np.float32) / 8


def face(photo: str, person: np.ndarray, spread: float = 0.02) -> EmbeddedFace:
    return EmbeddedFace(photo, FACE, (person + RANDOM.normal(scale=spread, size=128)).astype(np.float32))


ME, HER, HIM = someone(1), someone(2), someone(3)


def test_people_are_further_apart_than_faces_of_one():
    assert np.linalg.norm(ME - HER) > 2 * THRESHOLD


def test_the_one_in_most_photos_is_the_user():
    faces = [face(f"{i}.jpg", ME) for i in range(5)] + [face(f"{i}.jpg", HER) for i in range(2)]
    selector = select_recurring(faces, threshold=THRESHOLD)
    assert selector.matches(ME) and not selector.matches(HER)
    assert selector.other_photos == 2


def test_a_crowd_of_strangers_does_not_outvote_the_user():
    faces = [face(f"{i}.jpg", ME) for i in range(3)] + [face("crowd.jpg", someone(100 + i)) for i in range(40)]
    selector = select_recurring(faces, threshold=THRESHOLD)
    assert selector.matches(ME) and selector.other_photos == 0


def test_many_faces_in_one_photo_are_one_photo():
    """A collage of one person counts once."""
    faces = [face("collage.jpg", HER) for _ in range(9)] + [face(f"{i}.jpg", ME) for i in range(3)]
    assert select_recurring(faces, threshold=THRESHOLD).matches(ME)


@pytest.mark.parametrize(("mine", "hers"), [(3, 3), (5, 4), (10, 8), (1, 1)])
def test_two_users_mixed_are_not_guessed_apart(mine, hers):
    faces = [face(f"me {i}.jpg", ME) for i in range(mine)] + [face(f"her {i}.jpg", HER) for i in range(hers)]
    photos = "photos" if mine > 1 else "photo"
    with pytest.raises(
        FaceError, match=rf"two people .*\({mine} {photos}, such as 'me 0.jpg', and {hers}.*`user_face=PHOTO`"
    ):
        select_recurring(faces, threshold=THRESHOLD)


def test_three_people_are_told_by_the_two_most_frequent():
    faces = [face(f"{i}.jpg", ME) for i in range(6)]
    faces += [face(f"{i}.jpg", who) for who in (HER, HIM) for i in range(3)]
    assert select_recurring(faces, threshold=THRESHOLD).other_photos == 3


def test_one_face_is_enough():
    selector = select_recurring([face("a.jpg", ME)], threshold=THRESHOLD)
    assert selector.matches(ME) and (selector.threshold, selector.other_photos) == (THRESHOLD, 0)


def test_no_face_is_an_error():
    with pytest.raises(FaceError, match="no face was found"):
        select_recurring([], threshold=THRESHOLD)


def test_the_mean_of_a_group_stretched_along_a_line_need_not_belong_to_it():
    line = [EmbeddedFace(f"{i}.jpg", FACE, np.eye(1, 128, dtype=np.float32)[0] * i * 0.55) for i in range(3)]
    assert select_recurring(line, threshold=THRESHOLD).matches(line[1].embedding)


@given(st.permutations(range(7)))
def test_the_order_of_photos_does_not_matter(order):
    random = np.random.default_rng(5)
    people = [ME] * 5 + [HER] * 2
    faces = [
        EmbeddedFace(f"{i}.jpg", FACE, (people[i] + random.normal(scale=0.02, size=128)).astype(np.float32))
        for i in range(7)
    ]
    expected = select_recurring(faces, threshold=THRESHOLD)
    shuffled = select_recurring([faces[i] for i in order], threshold=THRESHOLD)
    np.testing.assert_allclose(shuffled.template.mean, expected.template.mean, atol=1e-6)


def test_a_thousand_faces_take_little_memory():
    import tracemalloc

    faces = [face(f"{i}.jpg", ME) for i in range(700)] + [face("crowd.jpg", someone(1000 + i)) for i in range(300)]
    tracemalloc.start()
    try:
        assert select_recurring(faces, threshold=THRESHOLD).matches(ME)
        assert tracemalloc.get_traced_memory()[1] < 32 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("count", "words"), [(0, "no face"), (2, "2 faces"), (9, "9 faces")])
def test_a_reference_shows_one_face(count, words):
    with pytest.raises(FaceError, match=words):
        select_reference([face("r.jpg", someone(i)) for i in range(count)], threshold=THRESHOLD)


def test_the_threshold_is_exclusive():
    selector = FaceSelector(WhoseFace.REFERENCE, FaceTemplate(np.zeros(128, np.float32)), 1.0)
    assert selector.matches(np.eye(1, 128)[0] * 0.999) and not selector.matches(np.eye(1, 128)[0])
    assert select_reference([face("r.jpg", ME, spread=0)], threshold=THRESHOLD).matches(ME)
