import json
from dataclasses import asdict

import numpy as np
import pytest

from guise.chameleon.faces.linking import Enrolment
from guise.chameleon.faces.selection import FaceSelector, WhoseFace
from guise.chameleon.faces.template import FaceTemplate
from guise.chameleon.protection.entries import measurements
from guise.chameleon.protection.measure import measure_saved
from guise.models import load_recogniser
from guise.models.files import read_photo

ANYBODY = FaceSelector(WhoseFace.ALL, FaceTemplate(np.zeros(128, np.float32)), 0.6)


@pytest.fixture(scope="module")
def sface():
    return load_recogniser("sface", offline=True)


@pytest.fixture(scope="module")
def photo(astronaut, tmp_path_factory):
    path = tmp_path_factory.mktemp("measured") / "a.png"
    astronaut.save(path)
    return read_photo(path)


@pytest.fixture(scope="module")
def pixels(photo):
    return photo.pixels


@pytest.fixture(scope="module")
def faces(pixels, reader):
    return reader.read(pixels, name="a.png")[:1]


def test_an_unchanged_file_is_measured_as_unchanged_and_a_painted_face_as_gone(photo, pixels, faces, reader, sface):
    enrolment = Enrolment(reader, ANYBODY, [sface])
    (same,) = measure_saved(photo, pixels, faces, enrolment)
    assert same.linked_before and same.linked_after
    assert same.similarity_after == pytest.approx(1, abs=0.02)
    assert same.visibility.ssim == pytest.approx(1, abs=1e-5)
    assert same.linked_by == ("dlib-resnet", "sface")
    painted = pixels.copy()
    painted[faces[0].face.box_in(*painted.shape[:2])] = 128
    (gone,) = measure_saved(photo, painted, faces, enrolment)
    assert gone.similarity_after is None and not gone.linked_after
    assert [link.similarity_after for link in gone.links] == [None, None] and gone.linked_by == ()
    assert all(link.linked_before for link in gone.links)


def test_a_link_by_a_surrogate_alone_counts(photo, pixels, faces, reader, sface):
    """The reader's template is another person's, so that only SFace links."""
    other = FaceSelector(WhoseFace.REFERENCE, FaceTemplate(faces[0].embedding + 0.1), 0.6)
    (measured,) = measure_saved(photo, pixels, faces, Enrolment(reader, other, [sface]))
    assert not measured.linked_after and measured.linked_by == ("sface",)


def test_the_readers_figures_are_those_of_the_face(photo, pixels, faces, reader, sface):
    dark = (pixels * 0.8).astype(np.uint8)
    (face,) = measure_saved(photo, dark, faces, Enrolment(reader, ANYBODY, [sface]))
    first, second = map(asdict, face.links)
    assert first.pop("recogniser") == "dlib-resnet"
    assert first == {name: getattr(face, name) for name in first}
    assert second["similarity_after"] != first["similarity_after"]


def test_measurements_come_back_from_the_log_as_they_were(photo, pixels, faces, reader, sface):
    face = measure_saved(photo, (pixels * 0.8).astype(np.uint8), faces, Enrolment(reader, ANYBODY, [sface]))[0]
    entry = json.loads(json.dumps({"faces": [asdict(face)]}))
    (back,) = measurements(entry)
    assert asdict(back) == {**asdict(face), "box": list(face.box)}


@pytest.mark.parametrize("missing", ["absent", "empty"])
def test_logs_of_before_mean_the_reader_alone(photo, pixels, faces, reader, missing):
    face = asdict(measure_saved(photo, pixels, faces, Enrolment(reader, ANYBODY))[0])
    older = {name: value for name, value in face.items() if name != "links"} | (
        {} if missing == "absent" else {"links": []}
    )
    (back,) = measurements({"faces": [older]})
    assert [asdict(link) for link in back.links] == list(face["links"])


@pytest.mark.parametrize("links", [None, 3, [3], [{}], [{"recogniser": "sface"}], "sface"])
def test_garbled_links_are_not_believed(photo, pixels, faces, reader, links):
    face = asdict(measure_saved(photo, pixels, faces, Enrolment(reader, ANYBODY))[0])
    expected = 1 if links is None else 0
    assert len(measurements({"faces": [{**face, "links": links}]})) == expected
