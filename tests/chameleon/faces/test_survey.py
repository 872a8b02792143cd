from pathlib import Path

import numpy as np
import pytest

from guise.chameleon.faces.detection import Face
from guise.chameleon.faces.embedding import EmbeddedFace
from guise.chameleon.faces.selection import FaceSelector, WhoseFace
from guise.chameleon.faces.survey import Survey, find_faces
from guise.chameleon.faces.template import FaceTemplate
from guise.models.errors import FaceError


def face(photo, value, size=50):
    embedding = np.zeros(128, np.float32)
    embedding[0] = value
    return EmbeddedFace(photo, Face(np.array([0, 0, size, size], float), np.zeros((5, 2)), 1.0), embedding)


FAMILY = Survey(
    {
        Path("a"): [face("a", 5, 90), face("a", 0, 40)],
        Path("b"): [face("b", 0.1)],
        Path("c"): [face("c", 0.2), face("c", 0.3)],
        Path("d"): [],
    },
    {},
)


def test_recurring_picks_the_user_and_one_face_a_photo():
    selector = FAMILY.selector(WhoseFace.RECURRING, threshold=0.6)
    picked = {path.name: [s.embedding[0] for s in selector.select(faces)] for path, faces in FAMILY.faces.items()}
    assert picked["a"] == [0] and picked["b"] == [pytest.approx(0.1)] and len(picked["c"]) == 1 and picked["d"] == []
    assert selector.one_person and selector.whose is WhoseFace.REFERENCE


def test_largest_and_all_pick_by_place_not_by_person():
    largest, everyone = (FAMILY.selector(whose, threshold=0.6) for whose in (WhoseFace.LARGEST, WhoseFace.ALL))
    assert [s.embedding[0] for s in largest.select(FAMILY.faces[Path("a")])] == [5]
    assert len(everyone.select(FAMILY.faces[Path("a")])) == 2
    assert not largest.one_person and not everyone.one_person


def test_a_folder_without_faces_is_an_error():
    with pytest.raises(FaceError, match=r"no face was found in 1 photo \(1 could not be read\)"):
        Survey({Path("a"): []}, {Path("b"): "torn"}).selector(WhoseFace.LARGEST, threshold=0.6)


def test_the_nearest_of_two_alike_is_the_user():
    selector = FaceSelector(WhoseFace.REFERENCE, FaceTemplate(np.zeros(128, np.float32)), 0.6)
    assert selector.select([face("a", 0.5), face("a", 0.2), face("a", 3)])[0].embedding[0] == pytest.approx(0.2)
    assert selector.select([face("a", 3)]) == []


def test_unreadable_photos_are_reported_and_the_others_searched(user_photos, reader, tmp_path):
    (tmp_path / "a.jpg").write_bytes((user_photos / "a.jpg").read_bytes())
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    steps = []
    survey = find_faces(tmp_path, [Path("a.jpg"), Path("torn.jpg")], reader, progress=lambda *step: steps.append(step))
    assert len(survey.faces[Path("a.jpg")]) == 1 and "torn.jpg" in survey.failures[Path("torn.jpg")]
    assert steps == [("looking for faces", 1, 2), ("looking for faces", 2, 2)]
