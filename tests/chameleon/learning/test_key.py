from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from guise.chameleon.faces import geometry
from guise.chameleon.faces.survey import Chooser, find_faces, portraits
from guise.chameleon.learning import key as keymaking
from guise.chameleon.mask.mask import Mask

NAMES = [Path("a.jpg"), Path("b.jpg")]


@pytest.mark.parametrize(("who", "one_person"), [("recurring", True), ("largest", False), ("all", False)])
def test_faces_of_several_people_are_each_taken_away_from_themselves(user_photos, reader, monkeypatch, who, one_person):
    seen = []
    mask = Mask(np.zeros((3, geometry.CANVAS, geometry.CANVAS), np.float32), geometry.CANONICAL_TEMPLATE, 0.1)
    monkeypatch.setattr(keymaking, "learn_mask", lambda *_, **how: (seen.append(how["one_person"]), mask)[1])
    found = find_faces(user_photos, NAMES, reader)
    chooser = Chooser.from_survey(found, who, threshold=0.6)
    key = keymaking.learn_key(user_photos, found, chooser, keymaking.Learning([reader.recogniser]))
    assert seen == [one_person] and bool(key.persons) is one_person
    assert key.provenance.weights == {"dlib-resnet": reader.recogniser.record.sha256}


def test_grey_photos_are_learnt_on_as_such(user_photos, reader, tmp_path):
    for name, mode in zip(NAMES, ("RGB", "L"), strict=True):
        Image.open(user_photos / name).convert(mode).save(tmp_path / name)
    found = find_faces(tmp_path, NAMES, reader)
    faces = portraits(tmp_path, found, Chooser.from_survey(found, "recurring", threshold=0.6))
    assert sorted(face.grey for face in faces) == [False, True]
