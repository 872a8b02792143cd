from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from guise.chameleon.faces import geometry
from guise.chameleon.faces.selection import WhoseFace
from guise.chameleon.faces.survey import cut_faces, find_faces
from guise.chameleon.learning import key as keymaking
from guise.chameleon.mask.mask import Mask

NAMES = [Path("a.jpg"), Path("b.jpg")]


@pytest.mark.parametrize(
    ("whose", "one_person"), [(WhoseFace.RECURRING, True), (WhoseFace.LARGEST, False), (WhoseFace.ALL, False)]
)
def test_faces_of_several_people_are_each_taken_away_from_themselves(
    user_photos, reader, monkeypatch, whose, one_person
):
    seen = []
    mask = Mask(np.zeros((3, geometry.CANVAS, geometry.CANVAS), np.float32), geometry.CANONICAL_TEMPLATE, 0.1)
    monkeypatch.setattr(keymaking, "learn_mask", lambda *_, **how: (seen.append(how["one_person"]), mask)[1])
    survey = find_faces(user_photos, NAMES, reader)
    selector = survey.selector(whose, threshold=0.6)
    key = keymaking.learn_key(user_photos, survey, selector, keymaking.Learning([reader.recogniser]))
    assert seen == [one_person] and bool(key.templates) is one_person
    assert key.provenance.weights == {"dlib-resnet": reader.recogniser.record.sha256}


def test_grey_photos_are_learnt_on_as_such(user_photos, reader, tmp_path):
    for name, mode in zip(NAMES, ("RGB", "L"), strict=True):
        Image.open(user_photos / name).convert(mode).save(tmp_path / name)
    survey = find_faces(tmp_path, NAMES, reader)
    faces = cut_faces(tmp_path, survey, survey.selector(WhoseFace.RECURRING, threshold=0.6))
    assert sorted(face.grey for face in faces) == [False, True]
