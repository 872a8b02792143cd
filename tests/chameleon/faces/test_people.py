"""Who is on a folder's photos, and what selects the people that a user points at."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from guise.chameleon.faces.detection import Face
from guise.chameleon.faces.embedding import EmbeddedFace
from guise.chameleon.faces.people import Person, people_in, select_people

THRESHOLD = 0.6
RANDOM = np.random.default_rng(0)
ME, HER, HIM = (np.random.default_rng(seed).normal(size=128).astype(np.float32) / 8 for seed in (1, 2, 3))


def face(photo: str, person: np.ndarray, *, side: float = 50.0) -> tuple[Path, EmbeddedFace]:
    seen = (person + RANDOM.normal(scale=0.02, size=128)).astype(np.float32)
    return Path(photo), EmbeddedFace(photo, Face(np.array([10.0, 10, 10 + side, 80]), np.zeros((5, 2)), 1.0), seen)


def test_faces_are_grouped_by_person_and_those_in_most_photos_come_first() -> None:
    faces = [face(f"{i}.jpg", HER) for i in range(3)] + [face(f"{i}.jpg", ME) for i in range(5)] + [face("0.jpg", HIM)]
    faces.append(face("0.jpg", ME, side=90))  # a mirror in a photo
    people = people_in(faces, threshold=THRESHOLD)
    assert [(person.photos, len(person.faces)) for person in people] == [(5, 6), (3, 3), (1, 1)]
    assert people[0].faces[0][1].face.box[2] == 100  # the largest face shows who it is
    assert sum(len(person.faces) for person in people) == len(faces)
    assert people_in([], threshold=THRESHOLD) == ()


def test_the_chosen_are_selected_and_others_are_not() -> None:
    me, her = people_in([*(face(f"{i}.jpg", ME) for i in range(4)), face("9.jpg", HER)], threshold=THRESHOLD)
    selector = select_people([me], [her], threshold=THRESHOLD)
    assert all(selector.matches(seen.embedding) for _, seen in me.faces)
    assert selector.threshold == THRESHOLD and not selector.matches(her.faces[0][1].embedding)


def test_groups_that_are_one_person_are_merged_and_others_near_by_are_kept_out() -> None:
    step = np.zeros(128, dtype=np.float32)
    step[0] = 1.0
    young, old, sister = (Person((face(name, ME + by * step),)) for name, by in (("a", 0), ("b", 1.1), ("c", -0.3)))
    both = select_people([young, old], [sister], threshold=THRESHOLD)
    assert all(both.matches(person.faces[0][1].embedding) for person in (young, old))
    assert not both.matches(sister.faces[0][1].embedding)
    alone = select_people([young], [sister], threshold=THRESHOLD)
    assert alone.threshold < THRESHOLD and not alone.matches(sister.faces[0][1].embedding)
    with pytest.raises(ValueError, match="at least one"):
        select_people([], [sister], threshold=THRESHOLD)
