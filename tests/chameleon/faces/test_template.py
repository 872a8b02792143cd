from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guise.chameleon.faces.detection import Face
from guise.chameleon.faces.template import Owner, Sighting, from_reference, recurring
from guise.models.errors import FaceError

THRESHOLD = 0.6
FACE = Face(np.array([10.0, 10, 60, 80]), np.zeros((5, 2)), 1.0)
RANDOM = np.random.default_rng(0)


def someone(seed: int) -> np.ndarray:
    """A person: a point far from all others in 128 dimensions."""
    return np.random.default_rng(seed).normal(size=128).astype(np.float32) / 8


def seen(photo: str, person: np.ndarray, spread: float = 0.02) -> Sighting:
    return Sighting(photo, FACE, (person + RANDOM.normal(scale=spread, size=128)).astype(np.float32))


ME, HER, HIM = someone(1), someone(2), someone(3)


def test_people_are_further_apart_than_faces_of_one():
    assert np.linalg.norm(ME - HER) > 2 * THRESHOLD


def test_the_one_in_most_photos_is_the_user():
    sightings = [seen(f"{i}.jpg", ME) for i in range(5)] + [seen(f"{i}.jpg", HER) for i in range(2)]
    owner = recurring(sightings, threshold=THRESHOLD)
    assert owner.owns(ME) and not owner.owns(HER)
    assert owner.other_photos == 2


def test_a_crowd_of_strangers_does_not_outvote_the_user():
    sightings = [seen(f"{i}.jpg", ME) for i in range(3)] + [seen("crowd.jpg", someone(100 + i)) for i in range(40)]
    owner = recurring(sightings, threshold=THRESHOLD)
    assert owner.owns(ME) and owner.other_photos == 0


def test_many_faces_in_one_photo_are_one_photo():
    """A collage of one person counts once."""
    sightings = [seen("collage.jpg", HER) for _ in range(9)] + [seen(f"{i}.jpg", ME) for i in range(3)]
    assert recurring(sightings, threshold=THRESHOLD).owns(ME)


@pytest.mark.parametrize(("mine", "hers"), [(3, 3), (5, 4), (10, 8), (1, 1)])
def test_two_users_mixed_are_not_guessed_apart(mine, hers):
    sightings = [seen(f"me {i}.jpg", ME) for i in range(mine)] + [seen(f"her {i}.jpg", HER) for i in range(hers)]
    with pytest.raises(FaceError, match=rf"two people .*\({mine} photos, such as 'me 0.jpg', and {hers}.*--user-face"):
        recurring(sightings, threshold=THRESHOLD)


def test_three_people_are_told_by_the_two_most_frequent():
    sightings = [seen(f"{i}.jpg", ME) for i in range(6)]
    sightings += [seen(f"{i}.jpg", who) for who in (HER, HIM) for i in range(3)]
    assert recurring(sightings, threshold=THRESHOLD).other_photos == 3


def test_one_face_is_enough():
    owner = recurring([seen("a.jpg", ME)], threshold=THRESHOLD)
    assert owner.owns(ME) and (owner.threshold, owner.other_photos) == (THRESHOLD, 0)


def test_no_face_is_an_error():
    with pytest.raises(FaceError, match="no face was found"):
        recurring([], threshold=THRESHOLD)


def test_the_mean_of_a_group_stretched_along_a_line_need_not_belong_to_it():
    line = [Sighting(f"{i}.jpg", FACE, np.eye(1, 128, dtype=np.float32)[0] * i * 0.55) for i in range(3)]
    assert recurring(line, threshold=THRESHOLD).owns(line[1].embedding)


@given(st.permutations(range(7)))
def test_the_order_of_photos_does_not_matter(order):
    random = np.random.default_rng(5)
    people = [ME] * 5 + [HER] * 2
    sightings = [
        Sighting(f"{i}.jpg", FACE, (people[i] + random.normal(scale=0.02, size=128)).astype(np.float32))
        for i in range(7)
    ]
    expected = recurring(sightings, threshold=THRESHOLD)
    found = recurring([sightings[i] for i in order], threshold=THRESHOLD)
    np.testing.assert_allclose(found.centroid, expected.centroid, atol=1e-6)


def test_a_thousand_faces_take_little_memory():
    import tracemalloc

    sightings = [seen(f"{i}.jpg", ME) for i in range(700)] + [seen("crowd.jpg", someone(1000 + i)) for i in range(300)]
    tracemalloc.start()
    try:
        assert recurring(sightings, threshold=THRESHOLD).owns(ME)
        assert tracemalloc.get_traced_memory()[1] < 32 * 2**20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize(("count", "words"), [(0, "no face"), (2, "2 faces"), (9, "9 faces")])
def test_a_reference_shows_one_face(count, words):
    with pytest.raises(FaceError, match=words):
        from_reference([seen("r.jpg", someone(i)) for i in range(count)], threshold=THRESHOLD)


def test_the_threshold_is_exclusive():
    owner = Owner(np.zeros(128, np.float32), 1.0)
    assert owner.owns(np.eye(1, 128)[0] * 0.999) and not owner.owns(np.eye(1, 128)[0])
    assert from_reference([seen("r.jpg", ME, spread=0)], threshold=THRESHOLD).owns(ME)
