from pathlib import Path

import numpy as np
import pytest

from guise.chameleon.faces.detection import Face
from guise.chameleon.faces.survey import Chooser, Survey, find_faces
from guise.chameleon.faces.template import Owner, Sighting
from guise.models.errors import FaceError


def seen(photo, value, size=50):
    embedding = np.zeros(128, np.float32)
    embedding[0] = value
    return Sighting(photo, Face(np.array([0, 0, size, size], float), np.zeros((5, 2)), 1.0), embedding)


FAMILY = Survey(
    {
        Path("a"): [seen("a", 5, 90), seen("a", 0, 40)],
        Path("b"): [seen("b", 0.1)],
        Path("c"): [seen("c", 0.2), seen("c", 0.3)],
        Path("d"): [],
    },
    {},
)


def test_recurring_picks_the_user_and_one_face_a_photo():
    chooser = Chooser.from_survey(FAMILY, "recurring", threshold=0.6)
    picked = {path.name: [s.embedding[0] for s in chooser.pick(faces)] for path, faces in FAMILY.sightings.items()}
    assert picked["a"] == [0] and picked["b"] == [pytest.approx(0.1)] and len(picked["c"]) == 1 and picked["d"] == []
    assert chooser.person is chooser.owner


def test_largest_and_all_pick_by_place_not_by_person():
    largest, everyone = (Chooser.from_survey(FAMILY, which, threshold=0.6) for which in ("largest", "all"))
    assert [s.embedding[0] for s in largest.pick(FAMILY.sightings[Path("a")])] == [5]
    assert len(everyone.pick(FAMILY.sightings[Path("a")])) == 2
    assert largest.person is None and everyone.person is None


def test_a_folder_without_faces_is_an_error():
    with pytest.raises(FaceError, match=r"no face was found in 1 photos \(1 could not be read\)"):
        Chooser.from_survey(Survey({Path("a"): []}, {Path("b"): "torn"}), "largest", threshold=0.6)


def test_the_nearest_of_two_alike_is_the_user():
    owner = Owner(np.zeros(128, np.float32), 0.6)
    assert owner.among([seen("a", 0.5), seen("a", 0.2), seen("a", 3)])[0].embedding[0] == pytest.approx(0.2)
    assert owner.among([seen("a", 3)]) == []


def test_unreadable_photos_are_reported_and_the_others_searched(user_photos, reader, tmp_path):
    (tmp_path / "a.jpg").write_bytes((user_photos / "a.jpg").read_bytes())
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff")
    steps = []
    found = find_faces(tmp_path, [Path("a.jpg"), Path("torn.jpg")], reader, progress=lambda *step: steps.append(step))
    assert len(found.sightings[Path("a.jpg")]) == 1 and "torn.jpg" in found.failures[Path("torn.jpg")]
    assert steps == [("looking for faces", 1, 2), ("looking for faces", 2, 2)]
